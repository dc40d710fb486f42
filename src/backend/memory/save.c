/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * memdev-save: the memory of a backend as a file, from which clones can be made. All or nothing: a
 * nameless file in the same folder is written, synced, and then takes the name.
 *
 * Only what is stored is copied; what is not, or is all zeros, is a hole in the file:
 *
 *     shared with a file   share its blocks, if the file system can (FICLONERANGE), or
 *                          what SEEK_DATA finds
 *     private, no file     the pages that /proc/self/pagemap knows
 *     private, of a file   both: pages of our own, and the file's data beneath the others
 *     huge pages           our own; of the others what read(2) gives
 *
 * The memory is not stopped meanwhile. Reading it can fail (somebody cut the file off) but not
 * kill: write(2) says EFAULT, and our own look at it is guarded.
 *
 * Source: the sheet on memory, section 9; ioctl_ficlonerange(2), copy_file_range(2),
 * Documentation/admin-guide/mm/pagemap.rst of Linux.
 */
#include "backend/memory/memory.h"
#include "base/log.h"
#include "qapi-commands.h"
#include "qom/loop.h"
#include "qom/qmp.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define WINDOW_BYTES ((size_t)32 << 20) /* of which pages are noted at once */
#define BLOCK_BYTES  ((size_t)64 << 10) /* what is a hole or not */
#define PAGE_BYTES   ((size_t)4096)     /* the grain of notes; larger pages are several */
#define WINDOW_PAGES (WINDOW_BYTES / PAGE_BYTES)

/* Entries of pagemap. */
#define PM_PRESENT (UINT64_C(1) << 63)
#define PM_SWAPPED (UINT64_C(1) << 62)
#define PM_FILE    (UINT64_C(1) << 61) /* a page of a file or shared memory */

typedef struct Save {
    MemoryBackend *backend;
    QomUse *use;
    QmpCall *call;
    char *filename;
    char *temporary;
    int out, pagemap;
    bool copies; /* copy_file_range(2) may work */
    bool stored[WINDOW_PAGES];
    bool own[WINDOW_PAGES]; /* of them, pages of a private mapping */
    char block[BLOCK_BYTES];
    uint64_t entries[WINDOW_PAGES];
    QomError *error;
} Save;

/* --- What is stored -------------------------------------------------------------------------- */

static bool has_file(const Save *self)
{
    return self->backend->origin.fd >= 0 && !self->backend->origin.source;
}

static void note_file(Save *self, size_t offset, size_t size)
{
    uint64_t base = self->backend->origin.offset_bytes + offset, start, stop;
    for (uint64_t at = base;
         memory_next_data(self->backend->origin.fd, at, base + size, &start, &stop); at = stop) {
        for (uint64_t page = (start - base) / PAGE_BYTES; page * PAGE_BYTES < stop - base; page++) {
            self->stored[page] = true;
        }
    }
}

/* Pages of our own, or all if the kernel does not tell. */
static void note_private(Save *self, size_t offset, size_t size)
{
    uintptr_t address = (uintptr_t)self->backend->map.ptr + offset;
    size_t n = size / PAGE_BYTES, len = n * sizeof(uint64_t);
    bool known = (size_t)sysconf(_SC_PAGESIZE) == PAGE_BYTES &&
                 pread(self->pagemap, self->entries, len,
                       (off_t)(address / PAGE_BYTES * sizeof(uint64_t))) == (ssize_t)len;
    for (size_t page = 0; page < n; page++) {
        uint64_t entry = self->entries[page];
        self->own[page] =
            !known || (entry & PM_SWAPPED) || ((entry & PM_PRESENT) && !(entry & PM_FILE));
        self->stored[page] |= self->own[page];
    }
}

static void note_window(Save *self, size_t offset, size_t size)
{
    bool share = memory_config(self->backend)->share;
    memset(self->own, 0, sizeof(self->own));
    /* Of shared memory without a file nothing is known. */
    memset(self->stored, share && !has_file(self), sizeof(self->stored));
    if (has_file(self)) {
        note_file(self, offset, size);
    }
    if (!share) {
        note_private(self, offset, size);
    }
}

/* --- Copying --------------------------------------------------------------------------------- */

/* Shares all blocks with the memory's file. */
static bool clone_blocks(const Save *self)
{
    const MemoryOrigin *origin = &self->backend->origin;
    struct file_clone_range range = {
        .src_fd = origin->fd,
        .src_offset = origin->offset_bytes,
        .src_length = self->backend->map.size_bytes,
    };
    /* syscalls: ioctl copy_file_range pwrite64 pread64 ftruncate -- memdev-save */
    return self->copies && ioctl(self->out, FICLONERANGE, &range) == 0;
}

/* The file system copies by itself, if it wants to; returns how much it has done. */
static size_t copy_in_kernel(Save *self, size_t offset, size_t size)
{
    off_t from = (off_t)(self->backend->origin.offset_bytes + offset), to = (off_t)offset;
    size_t done = 0;
    while (self->copies && done < size) {
        ssize_t n =
            copy_file_range(self->backend->origin.fd, &from, self->out, &to, size - done, 0);
        self->copies = n > 0;
        done += (size_t)MAX(n, 0);
    }
    return done;
}

typedef struct Look {
    const char *at;
    size_t size_bytes;
    bool zero;
} Look;

static void look(void *opaque)
{
    Look *self = opaque;
    self->zero = memory_is_zero(self->at, self->size_bytes);
}

/* Returns 0 or an errno value. */
static int copy_block(Save *self, size_t offset, size_t size)
{
    const MemoryOrigin *origin = &self->backend->origin;
    Look what = {.at = (char *)self->backend->map.ptr + offset, .size_bytes = size};
    /* A look at a huge page that is not there would take one from the pool. */
    if (origin->hugetlb && !self->own[offset % WINDOW_BYTES / PAGE_BYTES]) {
        ssize_t n = pread(origin->fd, self->block, size, (off_t)(origin->offset_bytes + offset));
        if (n != (ssize_t)size) {
            return n < 0 ? errno : EFAULT;
        }
        what.at = self->block;
    }
    if (!memory_guarded(look, &what)) {
        return EFAULT;
    }
    size_t done = what.zero ? size : 0;
    while (done < size) {
        ssize_t n = pwrite(self->out, what.at + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno != EINTR) {
            return errno;
        }
        done += (size_t)MAX(n, 0);
    }
    return 0;
}

static int copy_run(Save *self, size_t offset, size_t size)
{
    int err = 0;
    for (size_t at = copy_in_kernel(self, offset, size); !err && at < size; at += BLOCK_BYTES) {
        err = copy_block(self, offset + at, MIN(BLOCK_BYTES, size - at));
    }
    return err;
}

static int copy_window(Save *self, size_t offset, size_t size)
{
    size_t n = size / PAGE_BYTES, page = 0;
    note_window(self, offset, size);
    while (page < n) {
        size_t start = page;
        while (page < n && self->stored[page]) {
            page++;
        }
        int err = page > start
                      ? copy_run(self, offset + start * PAGE_BYTES, (page - start) * PAGE_BYTES)
                      : 0;
        if (err) {
            return err;
        }
        while (page < n && !self->stored[page]) {
            page++;
        }
    }
    return 0;
}

/* What was cut off would look like a hole. Returns 0 or an errno value. */
static int check_length(const Save *self)
{
    const MemoryOrigin *origin = &self->backend->origin;
    struct stat st;
    bool is_short = origin->fd >= 0 && fstat(origin->fd, &st) == 0 && S_ISREG(st.st_mode) &&
                    (uint64_t)st.st_size < origin->offset_bytes + self->backend->map.size_bytes;
    return is_short ? EFAULT : 0;
}

static int copy_all(Save *self)
{
    size_t size = self->backend->map.size_bytes;
    if (ftruncate(self->out, (off_t)size) < 0) {
        return errno;
    }
    int err = check_length(self);
    if (!err && clone_blocks(self)) {
        return 0;
    }
    for (size_t offset = 0; !err && offset < size; offset += WINDOW_BYTES) {
        err = __atomic_load_n(&self->backend->cancelled, __ATOMIC_RELAXED)
                  ? ECANCELED
                  : copy_window(self, offset, MIN(WINDOW_BYTES, size - offset));
    }
    return err ? err : check_length(self);
}

/* --- The file -------------------------------------------------------------------------------- */

static void save_error(Save *self, int err, const MemoryRoom *room)
{
    g_autofree char *text = NULL;
    if (err == EFAULT) {
        text = g_strdup("the file that holds the memory has become shorter");
    } else if (room && (err == ENOSPC || err == EDQUOT)) {
        text = memory_room_text(self->out, room, self->backend->map.size_bytes);
    } else {
        text = g_strdup(g_strerror(err));
    }
    qom_error_set(&self->error, "could not save '%s' to '%s': %s",
                  qom_object_name(&self->backend->obj), self->filename, text);
}

/* Whether the file may be replaced. */
static bool check_target(Save *self)
{
    const MemoryOrigin *origin = &self->backend->origin;
    struct stat there, ours;
    if (lstat(self->filename, &there) < 0) {
        return true;
    }
    if (!S_ISREG(there.st_mode)) {
        return qom_error_set(&self->error, "'%s' is there and no regular file", self->filename);
    }
    if (memory_config(self->backend)->share && origin->fd >= 0 && fstat(origin->fd, &ours) == 0 &&
        ours.st_dev == there.st_dev && ours.st_ino == there.st_ino) {
        return qom_error_set(&self->error, "'%s' is the file that the memory of '%s' is in",
                             self->filename, qom_object_name(&self->backend->obj));
    }
    return true;
}

/* The new name is safe when the folder has reached the disk. */
static void sync_folder(const char *filename)
{
    g_autofree char *folder = g_path_get_dirname(filename);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0) {
        log_warn("'%s' could not be synced: %s", folder, g_strerror(errno));
    }
    if (fd >= 0) {
        close(fd);
    }
}

/* A file without a name leaves nothing behind, however we end; not every file system has them, and
 * without /proc (in a root folder of our own) it can not be given a name. */
static bool open_file(Save *self)
{
    g_autofree char *folder = g_path_get_dirname(self->filename);
    /* syscalls: open openat newfstatat fstatfs fsync unlink access -- the file of memdev-save */
    if (access("/proc/self/fd", F_OK) == 0) {
        self->out = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    }
    if (self->out < 0) {
        self->temporary = g_strdup_printf("%s.XXXXXX", self->filename);
        self->out = mkostemp(self->temporary, O_CLOEXEC);
    }
    return self->out >= 0;
}

/* Returns 0 or an errno value. */
static int give_name(Save *self)
{
    if (!self->temporary) {
        /* A link can not replace a file; a rename can. */
        g_autofree char *name = g_strdup_printf("%s.%08x", self->filename, g_random_int());
        g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", self->out);
        /* syscalls: linkat rename renameat renameat2 -- the name of the file of memdev-save */
        if (linkat(AT_FDCWD, path, AT_FDCWD, name, AT_SYMLINK_FOLLOW) < 0) {
            return errno;
        }
        self->temporary = g_steal_pointer(&name);
    }
    return rename(self->temporary, self->filename) < 0 ? errno : 0;
}

static void write_file(Save *self)
{
    MemoryRoom room = memory_room(self->out);
    struct statfs fs;
    self->copies = has_file(self) && memory_config(self->backend)->share &&
                   fstatfs(self->backend->origin.fd, &fs) == 0 &&
                   (unsigned long)fs.f_type != TMPFS_MAGIC; /* which would copy zeros, too */
    int err = copy_all(self);
    if (!err) {
        err = fsync(self->out) < 0 ? errno : give_name(self);
    }
    if (err) {
        save_error(self, err, &room);
        if (self->temporary) {
            unlink(self->temporary);
        }
        return;
    }
    sync_folder(self->filename);
}

/* In a worker. */
static void save_work(void *opaque)
{
    Save *self = opaque;
    if (!check_target(self)) {
        return;
    }
    if (!open_file(self)) {
        save_error(self, errno, NULL);
        return;
    }
    self->pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    write_file(self);
    if (self->pagemap >= 0) {
        close(self->pagemap);
    }
    close(self->out);
}

static void save_done(void *opaque)
{
    Save *self = opaque;
    qom_object_unuse(self->use);
    if (self->error) {
        qmp_call_fail(self->call, self->error);
    } else {
        qmp_call_return(self->call, NULL);
    }
    g_free(self->filename);
    g_free(self->temporary);
    g_free(self);
}

void qmp_memdev_save(const char *id, const char *filename, QmpCall *call)
{
    QomError *error = NULL;
    MemoryBackend *backend = memory_find_backend(id, &error);
    if (backend && backend->origin.enclave) {
        qom_error_set(&error, "The memory of '%s' belongs to enclaves: it can not be saved", id);
    }
    if (error) {
        qmp_call_fail(call, error);
        return;
    }
    Save *self = g_new0(Save, 1);
    self->backend = backend;
    self->use = qom_object_use_by(&backend->obj, "memdev-save", NULL, "snapshot");
    self->call = call;
    self->filename = g_strdup(filename);
    self->out = -1;
    if (!loop_pool_submit(loop_main(), save_work, save_done, self, &self->error)) {
        save_done(self);
    }
}
