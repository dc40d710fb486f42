/* SPDX-License-Identifier: BSD-3-Clause */
/* What there is on a server, as far as a declarative file can tell of it. */
#ifndef CLIENT_LIVE_H
#define CLIENT_LIVE_H

#include "client/declaration.h"
#include "client/snapshot.h"

/* An answer that is kept. */
typedef struct Answer {
    JsonTape *tape; /* NULL: an error */
    JsonTok value;
} Answer;

typedef struct Live {
    Snapshot *snapshot;   /* of /objects; NULL: there is no such place yet */
    GHashTable *objects;  /* id -> Object, what is in /objects */
    Config *given;        /* qomd-dump-config; NULL: the server does not have it */
    GHashTable *types;    /* name of a type -> Answer of qomd-describe-type */
    GHashTable *chardevs; /* set of labels */
    GArray *sets;         /* of Answer: the present value for each ENTRY_SET, in their order */
    Answer query_chardev;
} Live;

/* A property of a type, as qomd-describe-type tells; zeroed if the server does not. */
typedef struct LiveProperty {
    bool known;
    bool live;        /* qom-set works */
    JsonTok fallback; /* its default, on @tape, or JSON_NONE */
    const JsonTape *tape;
} LiveProperty;

/* Reads what there is, and what is needed to compare it with @wanted (NULL: nothing). NULL and
 * *errp if the connection fails or the server's own declaration makes no sense. */
Live *live_read(Connection *c, const Config *wanted, QomError **errp);
/* NULL is fine. */
void live_free(Live *live);

LiveProperty live_property(const Live *live, const char *type, const char *name);
/* The property @name of @object; NULL: there is none. */
const Property *live_find(const Object *object, const char *name);

/* What uses an object, as `PATH (PROPERTY)` or `PATH`. */
typedef struct LiveUser {
    char *path;     /* or what it is */
    char *property; /* NULL: not known */
} LiveUser;

/* The users of the object @id, as an array of LiveUser: from qomd-users, else the links of the
 * objects that were read. */
GArray *live_users(Connection *c, const Live *live, const char *id);

static inline void live_freep(Live **live)
{
    live_free(*live);
}

#endif
