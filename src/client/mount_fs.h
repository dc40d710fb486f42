/* SPDX-License-Identifier: BSD-3-Clause */
/* The operations of the file system, as libfuse calls them. */
#ifndef CLIENT_MOUNT_FS_H
#define CLIENT_MOUNT_FS_H

#include "client/mount_tree.h"

#include <sys/types.h>
#include <time.h>

/* libfuse's private data. */
typedef struct MountFs {
    MountTree *tree;
    GHashTable *files; /* that are open: those that nobody closes go with the mount */
    uid_t uid;         /* everything belongs to who has mounted it, */
    gid_t gid;
    time_t since; /* and is as old as the mount */
} MountFs;

/* @tree is the caller's. */
void mount_fs_init(MountFs *fs, MountTree *tree);
void mount_fs_clear(MountFs *fs);

struct fuse_operations;
const struct fuse_operations *mount_fs_operations(void);

#endif
