/* SPDX-License-Identifier: BSD-3-Clause */
/* Warnings: what is legal, but most likely not meant. */
#ifndef QAPIC_WARN_H
#define QAPIC_WARN_H

#include "qapic/diag.h"
#include "qapic/schema.h"

/* Reports what the warnings that are on have to say of the checked @schema. */
void warn_schema(Schema *schema, Diag *diag);

#endif
