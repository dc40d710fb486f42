/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What `yank` can do: shut down the connections of what is named, so that whatever waits for their
 * peers goes on. The register may be used from any thread, because yank runs out of band, while the
 * main thread may be stuck.
 */
#ifndef QMP_YANK_H
#define QMP_YANK_H

/* A character device of this name can be yanked. Several of one name are counted. */
void yank_add_chardev(const char *id);
/* Undoes one yank_add_chardev(). */
void yank_remove_chardev(const char *id);

/* The connected socket @fd belongs to chardev @id. */
void yank_add_fd(const char *id, int fd);
/* Before @fd is closed. Nothing if it was not added. */
void yank_remove_fd(int fd);

#endif
