/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * memory-backend-file: memory that a file holds.
 *
 * What `mem-path` may be: an existing file (never made longer or shorter, unless it is empty), no
 * file yet (made, with the size needed), a folder (a nameless file in it), a DAX device, or
 * /dev/zero. What becomes of writes depends on three properties:
 *
 *     readonly  share  rom         open      mapping          a write by a user of the memory
 *     off       off    auto, off   read      copy on write    stays in this mapping
 *                                  + write
 *     off       on     auto, off   read      shared           reaches the file
 *                                  + write
 *     on        off    auto, on    read      private, r       denied: ROM
 *     on        off    off         read      copy on write    stays in this mapping (VM templates)
 *     on        on     auto, on    read      shared, r        denied: ROM
 *     off       any    on          error
 *     on        on     off         error
 *
 * Source: the sheet on memory, section 4.
 */
#include "backend/memory/memory.h"
#include "base/log.h"
#include "base/module.h"
#include "io/fdset.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { MAX_HOLES = 64 };

/* Bytes of the file. */
typedef struct Range {
    uint64_t start, end;
} Range;

typedef struct MemoryBackendFile {
    MemoryBackend backend;
    MemoryBackendFileProperties config;
    /* For undo. Each is set after what it is about: the main thread may look while a worker goes
     * on. */
    _Atomic bool created; /* the file is ours */
    _Atomic bool grown;   /* it was empty */
    Range holes[MAX_HOLES];
    _Atomic unsigned n_holes; /* that preallocation fills */
} MemoryBackendFile;

G_STATIC_ASSERT(offsetof(MemoryBackendFile, config) == sizeof(MemoryBackend));

/*
 * Files that are not yet what an object is made of. Should the program have to end while a worker
 * is still busy with one, nobody will call `undo`: the main thread takes back what it can.
 */
static struct {
    pthread_mutex_t lock;
    GSList *files; /* of MemoryBackendFile */
} unfinished = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void unfinished_add(MemoryBackendFile *self)
{
    pthread_mutex_lock(&unfinished.lock);
    unfinished.files = g_slist_prepend(unfinished.files, self);
    pthread_mutex_unlock(&unfinished.lock);
}

static void unfinished_remove(MemoryBackendFile *self)
{
    pthread_mutex_lock(&unfinished.lock);
    unfinished.files = g_slist_remove(unfinished.files, self);
    pthread_mutex_unlock(&unfinished.lock);
}

/* --- readonly, share, rom ------------------------------------------------------------------- */

/* Resolves rom=auto. */
static bool resolve_rom(MemoryBackendFileProperties *config, QomError **errp)
{
    if (config->rom == ON_OFF_AUTO_ON && !config->readonly) {
        return qom_error_set(errp,
                             "property 'rom' = 'on' is not supported with 'readonly' = 'off'");
    }
    if (config->rom == ON_OFF_AUTO_OFF && config->readonly && config->share) {
        return qom_error_set(errp, "property 'rom' = 'off' is incompatible with 'readonly' = 'on'"
                                   " and 'share' = 'on'");
    }
    if (config->rom == ON_OFF_AUTO_AUTO) {
        config->rom = config->readonly ? ON_OFF_AUTO_ON : ON_OFF_AUTO_OFF;
    }
    return true;
}

/* --- sizes ---------------------------------------------------------------------------------- */

static bool check_layout(const MemoryBackendFileProperties *config, MemoryOrigin *origin,
                         QomError **errp)
{
    size_t page = origin->page_bytes;
    if (!memory_check_size(config->size, page, errp)) {
        return false;
    }
    if (config->offset % page) {
        return qom_error_set(errp, "offset 0x%" PRIx64 " must be a multiple of page size 0x%zx",
                             config->offset, page);
    }
    if (config->size > INT64_MAX || config->offset > INT64_MAX - config->size) {
        return qom_error_set(errp,
                             "size 0x%" PRIx64 " at offset 0x%" PRIx64 " exceeds the largest file",
                             config->size, config->offset);
    }
    if (config->align % page) {
        return qom_error_set(errp, "alignment 0x%" PRIx64 " must be multiples of page size 0x%zx",
                             config->align, page);
    }
    if (config->align & (config->align - 1)) {
        return qom_error_set(errp, "alignment 0x%" PRIx64 " must be a power of two", config->align);
    }
    origin->align_bytes = MAX(origin->align_bytes, MAX(config->align, page));
    return true;
}

static bool too_short(const MemoryBackendFileProperties *config, uint64_t have, QomError **errp)
{
    return qom_error_set(errp,
                         "backing store size 0x%" PRIx64 " does not match 'size' option 0x%" PRIx64
                         " at 'offset' 0x%" PRIx64,
                         have, config->size, config->offset);
}

/* --- the ways to a file --------------------------------------------------------------------- */

/* Nodes mean something for memory that belongs to this mapping, or to tmpfs or hugetlbfs. */
static void warn_page_cache(const MemoryBackendFile *self, const MemoryOrigin *origin)
{
    const MemoryBackendFileProperties *config = &self->config;
    struct statfs fs;
    if (config->policy != HOST_MEM_POLICY_DEFAULT && config->share && !origin->hugetlb &&
        fstatfs(origin->fd, &fs) == 0 && (unsigned long)fs.f_type != TMPFS_MAGIC) {
        log_warn("%s: host-nodes and policy have no effect on a shared file in the page cache",
                 config->mem_path);
    }
}

/* Preallocation will store zeros there; those that are still zeros are taken back if it fails. What
 * is more than a few holes stays filled. */
static void note_holes(MemoryBackendFile *self, const MemoryOrigin *origin)
{
    uint64_t at = self->config.offset, end = at + self->config.size, start, stop;
    while (at < end && self->n_holes < MAX_HOLES) {
        if (!memory_next_data(origin->fd, at, end, &start, &stop)) {
            start = stop = end;
        }
        if (start > at) {
            self->holes[self->n_holes] = (Range){at, start};
            self->n_holes++;
        }
        at = stop;
    }
}

/* The rest of opening a regular file: it must be long enough, or empty and then made so. */
static bool open_regular(MemoryBackendFile *self, MemoryOrigin *origin, const struct stat *st,
                         QomError **errp)
{
    const MemoryBackendFileProperties *config = &self->config;
    origin->page_bytes =
        memory_file_page_bytes(origin->fd, config->mem_path, &origin->hugetlb, errp);
    if (!origin->page_bytes || !check_layout(config, origin, errp)) {
        return false;
    }
    uint64_t end = config->offset + config->size;
    if (st->st_size == 0 && !config->readonly) {
        self->grown = true;
        if (ftruncate(origin->fd, (off_t)end) < 0) {
            return qom_error_set_errno(errp, errno, "can't make '%s' %s long", config->mem_path,
                                       memory_size_text(end));
        }
    } else if ((uint64_t)st->st_size < end) {
        return too_short(config, (uint64_t)st->st_size, errp);
    }
    warn_page_cache(self, origin);
    if (config->prealloc && config->share && !origin->rom) {
        note_holes(self, origin);
    }
    return true;
}

/* A number in a sysfs file of the device @rdev; 0 if there is none. */
static uint64_t device_number(dev_t rdev, const char *file)
{
    g_autofree char *path =
        g_strdup_printf("/sys/dev/char/%u:%u/%s", major(rdev), minor(rdev), file);
    g_autofree char *text = NULL;
    return g_file_get_contents(path, &text, NULL, NULL) ? g_ascii_strtoull(text, NULL, 0) : 0;
}

static bool is_dax(dev_t rdev)
{
    g_autofree char *path =
        g_strdup_printf("/sys/dev/char/%u:%u/subsystem", major(rdev), minor(rdev));
    /* syscalls: readlink readlinkat getcwd lstat newfstatat -- the size of a DAX device */
    g_autofree char *real = realpath(path, NULL);
    return real && g_str_has_suffix(real, "/dax");
}

/* Devices: mapping decides whether they are memory. A DAX device has a size and an alignment. */
static bool open_device(MemoryBackendFile *self, MemoryOrigin *origin, const struct stat *st,
                        QomError **errp)
{
    const MemoryBackendFileProperties *config = &self->config;
    origin->page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    bool dax = S_ISCHR(st->st_mode) && is_dax(st->st_rdev);
    if (dax) {
        /* The device maps nothing smaller. */
        uint64_t align = device_number(st->st_rdev, "align");
        align = align ? align : device_number(st->st_rdev, "device/align");
        origin->page_bytes = MAX(origin->page_bytes, align);
    }
    if (!check_layout(config, origin, errp)) {
        return false;
    }
    origin->source = S_ISCHR(st->st_mode) && !dax;
    if (!dax && !S_ISBLK(st->st_mode)) {
        return true;
    }
    off_t end = dax ? 0 : lseek(origin->fd, 0, SEEK_END);
    uint64_t size = dax ? device_number(st->st_rdev, "size") : (uint64_t)MAX(end, 0);
    return config->offset + config->size <= size || too_short(config, size, errp);
}

static bool open_existing(MemoryBackendFile *self, MemoryOrigin *origin, QomError **errp)
{
    struct stat st;
    if (fstat(origin->fd, &st) < 0) {
        return qom_error_set_errno(errp, errno, "can't get the size of '%s'",
                                   self->config.mem_path);
    }
    /* Only opening was not to wait. */
    int flags = fcntl(origin->fd, F_GETFL);
    fcntl(origin->fd, F_SETFL, flags & ~O_NONBLOCK);
    if (S_ISREG(st.st_mode)) {
        return open_regular(self, origin, &st, errp);
    }
    return open_device(self, origin, &st, errp);
}

/* Page size and layout must be right before a file is made in @folder. */
static bool check_folder(MemoryBackendFile *self, MemoryOrigin *origin, const char *folder,
                         QomError **errp)
{
    origin->page_bytes = memory_file_page_bytes(-1, folder, &origin->hugetlb, errp);
    if (origin->page_bytes == 0) {
        qom_error_prefix(errp, "can't create backing store '%s': ", self->config.mem_path);
        return false;
    }
    return check_layout(&self->config, origin, errp);
}

/* @text says more than @err, or is NULL. */
static bool open_error(MemoryBackendFile *self, int err, const char *text, QomError **errp)
{
    const MemoryBackendFileProperties *config = &self->config;
    if (text) {
        return qom_error_set(errp, "can't open backing store %s for guest RAM: %s",
                             config->mem_path, text);
    }
    qom_error_set_errno(errp, err, "can't open backing store %s for guest RAM", config->mem_path);
    if (!config->readonly && !config->share && (err == EACCES || err == EROFS)) {
        qom_error_hint(errp, "With readonly=on,rom=off the file need not be writable: what is "
                             "written stays in memory.");
    }
    return false;
}

static bool create_file(MemoryBackendFile *self, MemoryOrigin *origin, QomError **errp)
{
    const char *path = self->config.mem_path;
    g_autofree char *folder = g_path_get_dirname(path);
    struct stat st;
    if (stat(folder, &st) < 0) {
        return open_error(self, errno, NULL, errp);
    }
    if (!check_folder(self, origin, folder, errp)) {
        return false;
    }
    /* syscalls: open openat ftruncate unlink unlinkat -- memory-backend-file */
    origin->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (origin->fd < 0) {
        return qom_error_set_errno(errp, errno, "can't create backing store %s for guest RAM",
                                   path);
    }
    self->created = true;
    return open_existing(self, origin, errp);
}

static bool create_nameless(MemoryBackendFile *self, MemoryOrigin *origin, QomError **errp)
{
    const char *folder = self->config.mem_path;
    if (self->config.readonly) {
        return open_error(self, EISDIR, NULL, errp);
    }
    if (!check_folder(self, origin, folder, errp)) {
        return false;
    }
    origin->fd = open(folder, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
    if (origin->fd < 0) {
        g_autofree char *name = memory_backend_name(&self->backend);
        g_strdelimit(name, "/", '_');
        g_autofree char *path = g_strdup_printf("%s/qomd-mem.%s.XXXXXX", folder, name);
        origin->fd = mkostemp(path, O_CLOEXEC);
        if (origin->fd < 0) {
            return qom_error_set_errno(errp, errno, "can't create a file in '%s'", folder);
        }
        unlink(path);
    }
    return open_existing(self, origin, errp);
}

static bool file_open(MemoryBackend *backend, MemoryOrigin *origin, QomError **errp)
{
    MemoryBackendFile *self = (MemoryBackendFile *)backend;
    MemoryBackendFileProperties *config = &self->config;
    if (!resolve_rom(config, errp)) {
        return false;
    }
    unfinished_add(self);
    origin->rom = config->rom == ON_OFF_AUTO_ON;
    origin->offset_bytes = config->offset;
#ifdef CONFIG_LIBPMEM
    origin->sync = config->pmem;
#endif
    if (g_file_test(config->mem_path, G_FILE_TEST_IS_DIR)) {
        return create_nameless(self, origin, errp);
    }
    /* A FIFO must not make us wait; for memory the flag means nothing afterwards. */
    QOM_AUTO_ERROR(err);
    int flags = (config->readonly ? O_RDONLY : O_RDWR) | O_NONBLOCK | O_NOCTTY;
    origin->fd = io_open(config->mem_path, flags, 0, &err);
    if (origin->fd >= 0) {
        return open_existing(self, origin, errp);
    }
    bool in_fdset = g_str_has_prefix(config->mem_path, "/dev/fdset/");
    if (errno == ENOENT && !config->readonly && config->mem_path[0] && !in_fdset) {
        return create_file(self, origin, errp);
    }
    return open_error(self, errno, in_fdset ? qom_error_message(err) : NULL, errp);
}

/* --- the end -------------------------------------------------------------------------------- */

/* By the name that the file has by now: the working directory may be another one. */
static void remove_created(MemoryBackendFile *self)
{
    char link[40], path[PATH_MAX];
    g_snprintf(link, sizeof(link), "/proc/self/fd/%d", self->backend.origin.fd);
    /* syscalls: readlink readlinkat unlink unlinkat -- a file that an object-add made goes again */
    ssize_t n = readlink(link, path, sizeof(path) - 1);
    path[MAX(n, 0)] = '\0';
    unlink(n > 0 ? path : self->config.mem_path);
}

static void take_back(MemoryBackendFile *self)
{
    MemoryBackend *backend = &self->backend;
    if (self->created) {
        remove_created(self);
    } else if (self->grown) {
        if (ftruncate(backend->origin.fd, 0) < 0) {
            log_warn("could not empty '%s' again: %s", self->config.mem_path, g_strerror(errno));
        }
    } else {
        for (unsigned i = 0; i < self->n_holes; i++) {
            memory_punch_zeros(backend->origin.fd, self->holes[i].start, self->holes[i].end);
        }
    }
}

static void file_undo(MemoryBackend *backend)
{
    MemoryBackendFile *self = (MemoryBackendFile *)backend;
    unfinished_remove(self);
    take_back(self);
}

static void file_built(MemoryBackend *backend)
{
    unfinished_remove((MemoryBackendFile *)backend);
}

void memory_abandon(void)
{
    /* Held for ever: what gets finished now is taken back all the same. */
    pthread_mutex_lock(&unfinished.lock);
    for (GSList *link = unfinished.files; link; link = link->next) {
        take_back(link->data);
    }
}

#ifdef CONFIG_LIBPMEM
typedef void PmemPersist(const void *ptr, size_t size_bytes);

/* What is still in the CPU's caches must reach the medium. */
static void flush_pmem(MemoryBackend *backend)
{
    QOM_AUTO_ERROR(err);
    void *module = module_open("pmem", "qomd", &err);
    PmemPersist *persist =
        module ? (PmemPersist *)module_symbol(module, "qom_pmem_persist", &err) : NULL;
    if (persist) {
        persist(backend->map.ptr, backend->map.size_bytes);
    } else {
        log_warn("%s", qom_error_message(err));
        /* syscalls: msync -- persistent memory */
        msync(backend->map.ptr, backend->map.size_bytes, MS_SYNC);
    }
}
#endif

static void file_closing(MemoryBackend *backend)
{
    const MemoryBackendFileProperties *config = &((MemoryBackendFile *)backend)->config;
    if (!config->share || backend->origin.rom) {
        return;
    }
    if (config->discard_data) {
        madvise(backend->map.ptr, backend->map.size_bytes, MADV_REMOVE);
        return;
    }
#ifdef CONFIG_LIBPMEM
    if (config->pmem) {
        flush_pmem(backend);
    }
#endif
}

static void file_class_init(QomClass *klass)
{
    MemoryBackendClass *backend_class = (MemoryBackendClass *)klass;
    backend_class->open = file_open;
    backend_class->undo = file_undo;
    backend_class->built = file_built;
    backend_class->closing = file_closing;
}

static const QomPropertyRule rules[] = {
    {.name = "discard-data", .flags = QOM_PROPERTY_LIVE},
};

static const QomTypeInfo file_info = {
    .name = "memory-backend-file",
    .parent = TYPE_MEMORY_BACKEND,
    .instance_size = sizeof(MemoryBackendFile),
    .class_init = file_class_init,
    .config = &qapi_type_MemoryBackendFileProperties,
    .config_offset = offsetof(MemoryBackendFile, config),
    .rules = rules,
    .n_rules = G_N_ELEMENTS(rules),
};

void memory_file_register_type(void)
{
    qom_type_register(&file_info);
}
