/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The tree of objects as a file system sees it: objects are folders, properties files, links
 * symbolic links. No FUSE in here. Paths are those of objects with, for files and links, the name
 * of a property as the last component; results are 0 or a negative errno value. One thread.
 */
#ifndef CLIENT_MOUNT_TREE_H
#define CLIENT_MOUNT_TREE_H

#include "client/connection.h"

typedef struct MountTree MountTree;

typedef enum MountKind {
    MOUNT_OBJECT,
    MOUNT_LINK,
    MOUNT_FILE,
} MountKind;

typedef struct MountNode {
    MountKind kind;
    bool readable, writable; /* of a file, as far as the server tells */
} MountNode;

/* @c is the caller's and lives longer than the tree. @log: say on stderr why the server refused. */
MountTree *mount_tree_new(Connection *c, bool log);
/* NULL is fine. */
void mount_tree_free(MountTree *tree);

/* What is at @path: one round trip, and one more for each type of object that is met first. */
int mount_tree_look(MountTree *tree, const char *path, MountNode *node);

/* Is called for each entry of a folder; a result other than 0 ends the list. */
typedef int MountListFn(const char *name, const MountNode *node, void *opaque);

/* The folder's entries, in the server's order. Names that no file can have are left out. */
int mount_tree_list(MountTree *tree, const char *path, MountListFn *fn, void *opaque);

/* The value of a property: a string as it is, all else as JSON, and a newline. *text is new memory,
 * of *len bytes. */
int mount_tree_read(MountTree *tree, const char *path, char **text, size_t *len);

/* Sets a property to what the text means for its type; one newline at the end does not count. */
int mount_tree_write(MountTree *tree, const char *path, const char *text, size_t len);

/* What a link that is not set leads to; no object has such a name. The kernel takes an empty target
 * for the folder that the link is in. */
#define MOUNT_NO_TARGET "(none)"

/* Where a link leads, from the folder that it is in, or MOUNT_NO_TARGET. New memory. */
int mount_tree_target(MountTree *tree, const char *path, char **target);

/* Deletes an object that a user has created. */
int mount_tree_remove(MountTree *tree, const char *path);

/* The way from folder @from to @to, both absolute paths: `../b/c`; MOUNT_NO_TARGET if there is none
 * within the tree. New memory. */
char *mount_relative(const char *from, const char *to);

/* The errno value, positive, for a server's refusal. */
int mount_errno(const QomError *err);

#endif
