/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What has to be done so that a server is as a declarative file says:
 *
 *     file (declaration.h) + server (live.h) --plan_new()--> changes --plan_run()--> commands
 *                                                          '----plan_show()
 *
 * A value that differs is set if qom-set can, else the object is made anew. What the file does not
 * say of an object has its default where the server tells what was given (qomd-dump-config);
 * elsewhere it is left alone. Nothing is deleted unless asked for.
 */
#ifndef CLIENT_PLAN_H
#define CLIENT_PLAN_H

#include "client/client.h"
#include "client/declaration.h"
#include "client/live.h"

typedef enum ChangeKind {
    CHANGE_ADD,
    CHANGE_SET,
    CHANGE_REPLACE,
    CHANGE_DELETE,
    CHANGE_KINDS,
} ChangeKind;

/* A property of a change. */
typedef struct Difference {
    const char *name;
    const JsonTape *from_tape; /* NULL: not known */
    JsonTok from;
    const JsonTape *to_tape; /* NULL: as if it had not been given */
    JsonTok to;
} Difference;

typedef struct Change {
    ChangeKind kind;
    EntryKind what;
    const char *id, *type; /* as of Entry */
    const Entry *entry;    /* what is wanted; NULL: nothing */
    const Object *object;  /* what is there; NULL: nothing, or no object */
    GArray *differences;   /* of Difference */
    char *refused;         /* why it can not be done, or NULL */
} Change;

typedef struct Plan {
    const Config *wanted;
    Live *live;
    GPtrArray *changes;  /* of Change, in an order for making; deletions last, in theirs */
    GHashTable *objects; /* id -> Change of an object */
} Plan;

/* Compares @wanted, which must outlive the plan, with @live, which was read for it and is taken.
 * @prune: delete the rest. NULL and *errp: the file says what can not be. */
Plan *plan_new(Connection *c, Live *live, const Config *wanted, bool prune, QomError **errp);
/* NULL is fine. */
void plan_free(Plan *plan);

/* Whether the value of a property may not be shown. */
bool plan_is_secret(const char *type, const char *property);

/* --- plan_show.c ------------------------------------------------------------------------------ */

/* The changes for a person; nothing if there are none. */
void plan_show(const Plan *plan, const Printer *p);
/* `1 to add, 2 to set`, or `nothing to do`. New memory. */
char *plan_summary(const Plan *plan);
/* The array of changes. */
void plan_write(const Plan *plan, JsonWriter *w);

/* --- plan_run.c ------------------------------------------------------------------------------- */

/*
 * Makes the changes, all or none: with qomd-apply, or one by one and undone in reverse if one
 * fails. @dry_run: only checks them, where there is qomd-apply. Fails on changes that are refused.
 */
bool plan_run(Plan *plan, Client *client, bool dry_run, QomError **errp);

static inline void plan_freep(Plan **plan)
{
    plan_free(*plan);
}

#endif
