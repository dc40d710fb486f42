/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files by name, and the descriptor sets that names of the form /dev/fdset/N stand for.
 *
 * A management program that may open a file when we may not passes the open descriptor into a set
 * (`add-fd`, `-add-fd`) and then names the set where a file name is wanted. Every property that
 * opens a file does it with io_open(). Any thread.
 *
 * Source: the sheet on the core, section 7 'Descriptors'.
 */
#ifndef IO_FDSET_H
#define IO_FDSET_H

#include "qom/error.h"

#include <stdint.h>
#include <sys/types.h>

/*
 * Opens @path as open(2) does, with O_CLOEXEC added; @mode counts only with O_CREAT. For
 * /dev/fdset/N returns a duplicate of the first member of set N with the access mode of @flags;
 * O_APPEND, O_ASYNC, O_DIRECT, O_NOATIME and O_NONBLOCK are then set as in @flags (they belong to
 * the open file, so the sender sees them too), O_TRUNC truncates. The caller closes the result with
 * close(). -1 and *errp on failure; errno then says why:
 *     `Could not open '%s': STRERROR` (`create` with O_CREAT), `Could not parse fdset %s`,
 *     `Failed to find fdset %s`, `Failed to find file descriptor with matching flags=0x%x`
 */
int io_open(const char *path, int flags, mode_t mode, QomError **errp);

/* Adds @fd to set *@set, or if @set is NULL to a new one with the lowest free number, which is
 * stored in *@set_out. @fd is taken over, also on failure, and gets close-on-exec. @opaque is a
 * note for the sender, copied; may be NULL. */
bool io_fdset_add(int fd, const int64_t *set, const char *opaque, int64_t *set_out,
                  QomError **errp);

/* Closes member *@fd of the set, all its members if @fd is NULL. Duplicates live on. */
bool io_fdset_remove(int64_t set, const int64_t *fd, QomError **errp);

/* Calls @fn for each member by rising number of the set; a set without members, which is there as
 * long as duplicates of its members are open, once with @fd -1. @fn must not use fdset functions.
 */
typedef void IoFdsetFn(void *user, int64_t set, int fd, const char *opaque);
void io_fdset_foreach(IoFdsetFn *fn, void *user);

#endif
