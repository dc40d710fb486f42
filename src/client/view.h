/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The interface of a server with its documentation. query-qmp-schema tells what there is, but
 * neither names of types nor documentation; our own descriptors have both. Both are walked
 * together, from commands and events on: what is told is what the server has, and our texts stand
 * beside what we know. Without a server our own schema is shown.
 */
#ifndef CLIENT_VIEW_H
#define CLIENT_VIEW_H

#include "client/schema.h"

#include "qom/qapi.h"

/* A type from both sides; either may be missing. */
typedef struct ViewType {
    SchemaType live;
    const QapiType *own;
} ViewType;

/* A member, a branch of a union (the name is the value of its tag), or an alternative (no name). */
typedef struct ViewMember {
    const char *name;
    ViewType type;
    bool optional;
    const char *doc; /* NULL: not known */
} ViewMember;

typedef enum ViewKind {
    VIEW_COMMAND,
    VIEW_EVENT,
    VIEW_OBJECT_TYPE, /* of the object model: what object-add takes for it */
    VIEW_TYPE,
} ViewKind;

typedef struct ViewItem {
    ViewKind kind;
    const char *name;
    const char *doc; /* NULL: not known */
    SchemaType entry;
    ViewType type;    /* of the arguments; of a type itself */
    ViewType returns; /* of a command */
    const char *tag;  /* of VIEW_OBJECT_TYPE: the branch of `type` */
} ViewItem;

/* In all functions @live NULL means without a server. Names are the schema's or constants. */

/* The commands, then the events, by name: an array of ViewItem. */
GArray *view_items(const Schema *live);
/* The types that commands and events reach and that have names: object types, then others. */
GArray *view_types(const Schema *live);
/* Finds a command, event or type, whichever comes first. */
bool view_find(const Schema *live, const char *name, ViewItem *item);

/* The members of an object, those of the branch @tag too (NULL: the common ones). */
GArray *view_members(const Schema *live, ViewType type, const char *tag);
/* The branches of a union. */
GArray *view_branches(const Schema *live, ViewType type);
/* The values of an enum, as ViewMember without types. */
GArray *view_values(const Schema *live, ViewType type);
/* What a person calls the type: `str`, `[HostMemPolicy]`, `object`. New memory. */
char *view_type_name(const Schema *live, ViewType type);
/* `command`, `event`, `object type`, `type`. */
const char *view_kind_name(ViewKind kind);

#endif
