/* SPDX-License-Identifier: BSD-3-Clause */
/* Objects of a server with their properties, as they were when they were read. */
#ifndef CLIENT_SNAPSHOT_H
#define CLIENT_SNAPSHOT_H

#include "client/connection.h"

typedef struct Property {
    const char *name, *type; /* a tape's */
    const JsonTape *tape;    /* of the value; NULL: not read, or can not be read */
    JsonTok value;
} Property;

typedef struct Object {
    char *path;
    char *type;
    GArray *properties;  /* of Property */
    GPtrArray *children; /* of Object */
} Object;

typedef struct Snapshot {
    Object *root;
    GPtrArray *tapes; /* everything that came, which names, types and values lie in */
    size_t objects;
} Snapshot;

/* What is read at most: a hostile server may tell of a tree without an end. A million objects need
 * about 2 GiB. */
enum { SNAPSHOT_DEPTH_MAX = 200, SNAPSHOT_OBJECTS_MAX = 4000000 };
#define SNAPSHOT_BYTES_MAX (UINT64_C(4) << 30)

typedef struct SnapshotHow {
    unsigned depth; /* levels below the object at the path */
    bool values;    /* with the values of properties */
} SnapshotHow;

/*
 * Reads the object at @path and those below it, with the largest commands that the server has:
 * qomd-tree-get (ours), qom-list-get (QEMU since 10.1), else qom-list and qom-get, pipelined so
 * that it takes one round trip for each level. Objects that go meanwhile are left out. NULL and
 * *errp if there is nothing at @path or the connection fails.
 */
Snapshot *snapshot_read(Connection *c, const char *path, const SnapshotHow *how, QomError **errp);
/* NULL is fine. */
void snapshot_free(Snapshot *s);

/* Like strcmp(), but numbers count as such: device[2] comes before device[10]. */
int compare_names(const char *a, const char *b);
/* Sorts @o and all below it by name; part of snapshot_read(). */
void object_sort(Object *o);

/* The last component of the object's path. */
const char *object_name(const Object *o);

/* By the type of a property. */
bool property_is_child(const char *type);
bool property_is_link(const char *type);

static inline void snapshot_freep(Snapshot **s)
{
    snapshot_free(*s);
}

#endif
