/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Descriptor sets: a small table of sets, each with the members that were passed in and a record of
 * the duplicates that io_open() handed out.
 *
 * A set stays listed while one of its duplicates is open. Duplicates are ordinary descriptors that
 * their users close with close(), so nobody reports the end of one: before the table is looked at,
 * records whose descriptor number no longer leads to the same file are dropped. If the number was
 * used again for the very same file, the set is listed for longer; nothing else hangs on it.
 */
#include "io/fdset.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FDSET_PREFIX "/dev/fdset/"

/* Members of all sets together: peers must not take all of the process's descriptors. */
#define FDSET_MAX_MEMBERS 1024
#define OPAQUE_BYTES      (64 * 1024)

typedef struct Member {
    int fd;
    char *opaque;
} Member;

typedef struct Duplicate {
    int fd;
    dev_t dev;
    ino_t ino;
} Duplicate;

typedef struct Fdset {
    int64_t id;
    GArray *members;    /* of Member */
    GArray *duplicates; /* of Duplicate */
} Fdset;

static struct {
    pthread_mutex_t lock;
    GPtrArray *sets; /* of Fdset, by rising id; NULL until first used */
    unsigned n_members;
} fdsets = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void fdsets_unlock(pthread_mutex_t **lock)
{
    pthread_mutex_unlock(*lock);
}

#define FDSETS_LOCKED()                                                                  \
    __attribute__((cleanup(fdsets_unlock))) pthread_mutex_t *fdsets_held = &fdsets.lock; \
    pthread_mutex_lock(fdsets_held)

static void member_clear(void *data)
{
    Member *member = data;
    close(member->fd);
    g_free(member->opaque);
    fdsets.n_members--;
}

static void fdset_free(void *data)
{
    Fdset *set = data;
    g_array_unref(set->members);
    g_array_unref(set->duplicates);
    g_free(set);
}

static Fdset *fdset_new(int64_t id, unsigned place)
{
    Fdset *set = g_new0(Fdset, 1);
    set->id = id;
    set->members = g_array_new(FALSE, FALSE, sizeof(Member));
    g_array_set_clear_func(set->members, member_clear);
    set->duplicates = g_array_new(FALSE, FALSE, sizeof(Duplicate));
    g_ptr_array_insert(fdsets.sets, (int)place, set);
    return set;
}

static bool duplicate_is_open(const Duplicate *duplicate)
{
    struct stat st;
    return fstat(duplicate->fd, &st) == 0 && st.st_dev == duplicate->dev &&
           st.st_ino == duplicate->ino;
}

/* Forgets closed duplicates and sets without anything. */
static void fdsets_sweep(void)
{
    if (!fdsets.sets) {
        fdsets.sets = g_ptr_array_new_with_free_func(fdset_free);
    }
    for (unsigned i = fdsets.sets->len; i-- > 0;) {
        Fdset *set = g_ptr_array_index(fdsets.sets, i);
        for (unsigned j = set->duplicates->len; j-- > 0;) {
            if (!duplicate_is_open(&g_array_index(set->duplicates, Duplicate, j))) {
                g_array_remove_index_fast(set->duplicates, j);
            }
        }
        if (set->members->len == 0 && set->duplicates->len == 0) {
            g_ptr_array_remove_index(fdsets.sets, i);
        }
    }
}

/* The set called @id, or NULL and in *place where it would be. */
static Fdset *fdsets_find(int64_t id, unsigned *place)
{
    unsigned low = 0, high = fdsets.sets->len;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        Fdset *set = g_ptr_array_index(fdsets.sets, middle);
        if (set->id == id) {
            return set;
        }
        if (set->id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *place = low;
    return NULL;
}

/* The place of the lowest free number, which is the number itself: all before it are taken. */
static unsigned fdsets_lowest_free(void)
{
    unsigned place = 0;
    while (place < fdsets.sets->len &&
           ((Fdset *)g_ptr_array_index(fdsets.sets, place))->id == (int64_t)place) {
        place++;
    }
    return place;
}

bool io_fdset_add(int fd, const int64_t *set_id, const char *opaque, int64_t *set_out,
                  QomError **errp)
{
    if (set_id && *set_id < 0) {
        close(fd);
        return qom_error_set(errp, "Parameter 'fdset-id' expects a non-negative value");
    }
    FDSETS_LOCKED();
    fdsets_sweep();
    if (fdsets.n_members >= FDSET_MAX_MEMBERS) {
        close(fd);
        return qom_error_set(errp, "Too many file descriptors in sets (maximum is %d)",
                             FDSET_MAX_MEMBERS);
    }
    if (opaque && strnlen(opaque, OPAQUE_BYTES) == OPAQUE_BYTES) {
        close(fd);
        return qom_error_set(errp, "Parameter 'opaque' expects less than %d bytes", OPAQUE_BYTES);
    }
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    unsigned place = 0;
    Fdset *set;
    if (set_id) {
        set = fdsets_find(*set_id, &place);
        if (!set) {
            set = fdset_new(*set_id, place);
        }
    } else {
        place = fdsets_lowest_free();
        set = fdset_new(place, place);
    }
    Member member = {.fd = fd, .opaque = g_strdup(opaque)};
    g_array_append_val(set->members, member);
    fdsets.n_members++;
    *set_out = set->id;
    return true;
}

static bool fdset_not_found(int64_t set_id, const int64_t *fd, QomError **errp)
{
    if (fd) {
        return qom_error_set(
            errp, "File descriptor named 'fdset-id:%" PRId64 ", fd:%" PRId64 "' not found", set_id,
            *fd);
    }
    return qom_error_set(errp, "File descriptor named 'fdset-id:%" PRId64 "' not found", set_id);
}

bool io_fdset_remove(int64_t set_id, const int64_t *fd, QomError **errp)
{
    FDSETS_LOCKED();
    fdsets_sweep();
    unsigned place;
    Fdset *set = fdsets_find(set_id, &place);
    if (!set) {
        return fdset_not_found(set_id, fd, errp);
    }
    if (!fd) {
        g_array_set_size(set->members, 0);
        fdsets_sweep();
        return true;
    }
    for (unsigned i = 0; i < set->members->len; i++) {
        if (g_array_index(set->members, Member, i).fd == *fd) {
            g_array_remove_index(set->members, i);
            fdsets_sweep();
            return true;
        }
    }
    return fdset_not_found(set_id, fd, errp);
}

void io_fdset_foreach(IoFdsetFn *fn, void *user)
{
    FDSETS_LOCKED();
    fdsets_sweep();
    for (unsigned i = 0; i < fdsets.sets->len; i++) {
        const Fdset *set = g_ptr_array_index(fdsets.sets, i);
        if (set->members->len == 0) {
            fn(user, set->id, -1, NULL);
        }
        for (unsigned j = 0; j < set->members->len; j++) {
            const Member *member = &g_array_index(set->members, Member, j);
            fn(user, set->id, member->fd, member->opaque);
        }
    }
}

static bool fdset_parse(const char *path, int64_t *set_id)
{
    const char *digits = path + strlen(FDSET_PREFIX);
    if (!g_ascii_isdigit(*digits)) {
        return false;
    }
    char *end;
    errno = 0;
    *set_id = g_ascii_strtoll(digits, &end, 10);
    return errno == 0 && *end == '\0';
}

/* What open(2) would have done with @flags, for a descriptor that is open already. */
static bool fdset_apply_flags(int fd, int flags)
{
    const int settable = O_APPEND | O_ASYNC | O_DIRECT | O_NOATIME | O_NONBLOCK;

    if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL)) {
        errno = EEXIST;
        return false;
    }
    int now = fcntl(fd, F_GETFL);
    if (now < 0) {
        return false;
    }
    int wanted = (now & ~settable) | (flags & settable);
    if (wanted != now && fcntl(fd, F_SETFL, wanted) < 0) {
        return false;
    }
    /* syscalls: ftruncate -- a file that is begun anew */
    return !(flags & O_TRUNC) || ftruncate(fd, 0) == 0;
}

static int fdset_duplicate(Fdset *set, int member, const char *path, int flags, QomError **errp)
{
    struct stat st;
    int fd = fcntl(member, F_DUPFD_CLOEXEC, 0);

    if (fd < 0 || fstat(fd, &st) < 0 || !fdset_apply_flags(fd, flags)) {
        int err = errno;
        if (fd >= 0) {
            close(fd);
        }
        qom_error_set_errno(errp, err, "Could not open '%s'", path);
        errno = err;
        return -1;
    }
    Duplicate duplicate = {.fd = fd, .dev = st.st_dev, .ino = st.st_ino};
    g_array_append_val(set->duplicates, duplicate);
    return fd;
}

static int fdset_open(const char *path, int flags, QomError **errp)
{
    int64_t set_id;
    unsigned place;

    if (!fdset_parse(path, &set_id)) {
        qom_error_set(errp, "Could not parse fdset %s", path);
        errno = EINVAL;
        return -1;
    }
    FDSETS_LOCKED();
    fdsets_sweep();
    Fdset *set = fdsets_find(set_id, &place);
    if (!set) {
        qom_error_set(errp, "Failed to find fdset %s", path);
        errno = ENOENT;
        return -1;
    }
    for (unsigned i = 0; i < set->members->len; i++) {
        int member = g_array_index(set->members, Member, i).fd;
        int has = fcntl(member, F_GETFL);
        if (has >= 0 && (has & O_ACCMODE) == (flags & O_ACCMODE)) {
            return fdset_duplicate(set, member, path, flags, errp);
        }
    }
    qom_error_set(errp, "Failed to find file descriptor with matching flags=0x%x", flags);
    errno = EACCES;
    return -1;
}

int io_open(const char *path, int flags, mode_t mode, QomError **errp)
{
    if (g_str_has_prefix(path, FDSET_PREFIX)) {
        return fdset_open(path, flags, errp);
    }
    int fd;
    do {
        /* syscalls: open openat fcntl -- files of objects and character devices */
        fd = open(path, flags | O_CLOEXEC, mode);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) {
        int err = errno;
        qom_error_set_errno(errp, err, "Could not %s '%s'", flags & O_CREAT ? "create" : "open",
                            path);
        errno = err;
    }
    return fd;
}
