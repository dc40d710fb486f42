/* SPDX-License-Identifier: BSD-3-Clause */
/* The two halves of qomd-apply: apply.c does, apply_check.c only looks. Main thread. */
#ifndef QMP_APPLY_H
#define QMP_APPLY_H

#include "qmp/session.h"

#include "qapi-beyond.h"

/* Puts `action INDEX (TYPE): ` in front; without the type if @type is negative. */
void apply_error_prefix(QomError **errp, size_t index, int type);

/*
 * What can be known of @actions without doing them: that what they name exists then, or will have
 * been made by an action before, and that what they make does not. @data: the token of each
 * action's arguments.
 */
bool apply_check(const JsonTape *tape, const QomdActionList *actions, const JsonTok *data,
                 QomError **errp);

#endif
