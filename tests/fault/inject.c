/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A library for LD_PRELOAD that makes calls of libc fail, or the process end, at the n-th call of a
 * function. The test and the library share a file that both have mapped (struct Control; the test's
 * side of it is inject.py): it says what is to happen when, and counts the calls while it is armed.
 *
 * Functions that are one system call under several names (open, open64) are one slot. Memory is
 * counted from `min_bytes` on, since small allocations follow GLib's policy. Where a sanitizer has
 * the allocator, its own is called and none fails.
 */
#undef _FILE_OFFSET_BITS /* open and open64 are two names here */

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

enum {
    MAX_SLOTS = 96,
    MAX_FRAMES = 16,
    COUNTER_BYTES = 8, /* of an eventfd: read and written whole, and writing does not fail */
};

enum Action {
    ACTION_COUNT,
    ACTION_FAIL,    /* the n-th call fails */
    ACTION_FAIL_ON, /* the n-th and all behind it */
    ACTION_SHORT,   /* all transfers of data are cut to one byte */
    ACTION_KILL,    /* SIGKILL in place of the n-th call */
    ACTION_DELAY,   /* the n-th call takes `err` ms more */
};

/* Shared with inject.py, which knows the offsets. */
struct Control {
    uint32_t armed;
    uint32_t action;
    int32_t target; /* slot; -1: any */
    int32_t err;
    uint64_t nth; /* 1: the first call */
    uint64_t min_bytes;
    _Atomic uint64_t injected;
    _Atomic uint64_t total;
    uint64_t base; /* where the program is mapped, for addr2line */
    uint64_t frames[MAX_FRAMES];
    uint64_t n_slots;
    struct {
        char name[24];
        _Atomic uint64_t count;
    } slots[MAX_SLOTS];
};

static struct Control *control;

/* clang-format off */
#define SLOTS(X)                                                                                   \
    X(accept) X(access) X(bind) X(chdir) X(connect) X(dup) X(epoll_create) X(epoll_ctl)            \
    X(epoll_wait) X(eventfd) X(fallocate) X(fcntl) X(fopen) X(fork) X(fstat) X(fstatfs) X(fsync)   \
    X(ftruncate) X(getaddrinfo) X(getpeername) X(getrandom) X(getsockname) X(getsockopt)           \
    X(ioctl) X(linkat) X(listen) X(lseek) X(lstat) X(madvise) X(mbind) X(memfd_create) X(memory)   \
    X(mkostemp) X(mlock) X(mmap) X(open) X(pipe) X(poll) X(prctl) X(pthread_create) X(pwrite)      \
    X(read) X(realpath) X(recv) X(recvmsg) X(rename) X(sched_getaffinity) X(sched_setaffinity)     \
    X(send) X(sendmsg) X(setrlimit) X(setsid) X(setsockopt) X(sigaction) X(socket) X(stat)         \
    X(statfs) X(timerfd_create) X(unlink) X(write) X(writev)
/* clang-format on */

#define SLOT_ENUM(name) SLOT_##name,
enum Slot { SLOTS(SLOT_ENUM) N_SLOTS };
#define SLOT_NAME(name) #name,
static const char *const slot_names[] = {SLOTS(SLOT_NAME)};

_Static_assert((int)N_SLOTS <= (int)MAX_SLOTS, "the table in the control file is too small");

__attribute__((constructor)) static void inject_start(void)
{
    const char *path = getenv("QOM_FAULT");
    void *frames[MAX_FRAMES];
    int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) {
        return;
    }
    struct Control *map = (struct Control *)syscall(SYS_mmap, NULL, sizeof(*map),
                                                    PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    syscall(SYS_close, fd);
    if ((void *)map == MAP_FAILED) {
        return;
    }
    backtrace(frames, MAX_FRAMES); /* loads what it needs now, not in the middle of a call */
    map->base = getauxval(AT_PHDR) & ~UINT64_C(0xfff);
    for (int i = 0; i < N_SLOTS; i++) {
        strcpy(map->slots[i].name, slot_names[i]);
    }
    map->n_slots = N_SLOTS;
    control = map;
}

/* Whether the action is due at this call, which is counted. */
static bool is_due(enum Slot slot)
{
    uint64_t n = atomic_fetch_add(&control->slots[slot].count, 1) + 1;
    uint64_t total = atomic_fetch_add(&control->total, 1) + 1;
    if (control->target >= 0 && control->target != (int)slot) {
        return false;
    }
    n = control->target < 0 ? total : n;
    return n == control->nth || (control->action == ACTION_FAIL_ON && n > control->nth);
}

/* Notes where the call came from. */
static void note(void)
{
    if (atomic_fetch_add(&control->injected, 1) == 0) {
        void *frames[MAX_FRAMES];
        int n = backtrace(frames, MAX_FRAMES);
        for (int i = 0; i < n; i++) {
            control->frames[i] = (uint64_t)frames[i];
        }
    }
}

/* True if the call has to fail; errno says why. */
static bool fails(enum Slot slot)
{
    static _Thread_local bool inside;
    if (!control || !control->armed || inside || !is_due(slot)) {
        return false;
    }
    inside = true;
    note();
    inside = false;
    switch (control->action) {
    case ACTION_FAIL:
    case ACTION_FAIL_ON: errno = control->err; return true;
    case ACTION_KILL: syscall(SYS_kill, getpid(), SIGKILL); return true;
    case ACTION_DELAY: syscall(SYS_poll, NULL, 0, control->err); return false;
    default: return false;
    }
}

/* What is left of a transfer of @len bytes. */
static size_t cut(size_t len)
{
    bool is_short =
        control && control->armed && control->action == ACTION_SHORT && len > COUNTER_BYTES;
    return is_short ? 1 : len;
}

/* The first bytes of a vector, cut likewise. */
static const struct iovec *cut_iov(const struct iovec *iov, struct iovec *one, size_t *n)
{
    for (size_t i = 0; i < *n; i++) {
        size_t len = cut(iov[i].iov_len);
        if (iov[i].iov_len && len != iov[i].iov_len) {
            *one = (struct iovec){.iov_base = iov[i].iov_base, .iov_len = len};
            *n = 1;
            return one;
        }
    }
    return iov;
}

#define NEXT(name)                                      \
    static typeof(name) *next;                          \
    if (!next) {                                        \
        next = (typeof(name) *)dlsym(RTLD_NEXT, #name); \
    }

#define WRAP(slot, type, failure, name, parameters, arguments) \
    EXPORT type name parameters                                \
    {                                                          \
        NEXT(name)                                             \
        if (fails(SLOT_##slot)) {                              \
            return failure;                                    \
        }                                                      \
        return next arguments;                                 \
    }

/* --- Descriptors ----------------------------------------------------------------------------- */

#define WRAP_OPEN(name)                                                                     \
    EXPORT int name(const char *path, int flags, ...)                                       \
    {                                                                                       \
        NEXT(name)                                                                          \
        va_list ap;                                                                         \
        va_start(ap, flags);                                                                \
        mode_t mode =                                                                       \
            (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(ap, mode_t) : 0; \
        va_end(ap);                                                                         \
        return fails(SLOT_open) ? -1 : next(path, flags, mode);                             \
    }
WRAP_OPEN(open)
WRAP_OPEN(open64)

#define WRAP_WORD(slot, name, first, type)                        \
    EXPORT int name(int first, type what, ...)                    \
    {                                                             \
        NEXT(name)                                                \
        va_list ap;                                               \
        va_start(ap, what);                                       \
        unsigned long word = va_arg(ap, unsigned long);           \
        va_end(ap);                                               \
        return fails(SLOT_##slot) ? -1 : next(first, what, word); \
    }
WRAP_WORD(fcntl, fcntl, fd, int)
WRAP_WORD(fcntl, fcntl64, fd, int)
WRAP_WORD(ioctl, ioctl, fd, unsigned long)

EXPORT int prctl(int option, ...)
{
    NEXT(prctl)
    va_list ap;
    va_start(ap, option);
    unsigned long a = va_arg(ap, unsigned long), b = va_arg(ap, unsigned long);
    unsigned long c = va_arg(ap, unsigned long), d = va_arg(ap, unsigned long);
    va_end(ap);
    return fails(SLOT_prctl) ? -1 : next(option, a, b, c, d);
}

EXPORT long syscall(long number, ...)
{
    NEXT(syscall)
    long a[6];
    va_list ap;
    va_start(ap, number);
    for (int i = 0; i < 6; i++) {
        a[i] = va_arg(ap, long);
    }
    va_end(ap);
    if (number == SYS_mbind && fails(SLOT_mbind)) {
        return -1;
    }
    return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

WRAP(open, int, -1, openat, (int dir, const char *path, int flags, ...), (dir, path, flags, 0600))
WRAP(fopen, FILE *, NULL, fopen, (const char *path, const char *mode), (path, mode))
WRAP(fopen, FILE *, NULL, fopen64, (const char *path, const char *mode), (path, mode))
WRAP(mkostemp, int, -1, mkostemp, (char *path, int flags), (path, flags))
WRAP(mkostemp, int, -1, mkostemp64, (char *path, int flags), (path, flags))
WRAP(memfd_create, int, -1, memfd_create, (const char *name, unsigned flags), (name, flags))
WRAP(dup, int, -1, dup, (int fd), (fd))
WRAP(dup, int, -1, dup2, (int fd, int to), (fd, to))
WRAP(pipe, int, -1, pipe2, (int fds[2], int flags), (fds, flags))
WRAP(eventfd, int, -1, eventfd, (unsigned count, int flags), (count, flags))
WRAP(timerfd_create, int, -1, timerfd_create, (clockid_t clock, int flags), (clock, flags))
WRAP(epoll_create, int, -1, epoll_create1, (int flags), (flags))
/* What is watched already can be changed and removed without memory. */
EXPORT int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
    NEXT(epoll_ctl)
    return op == EPOLL_CTL_ADD && fails(SLOT_epoll_ctl) ? -1 : next(epfd, op, fd, event);
}

WRAP(epoll_wait, int, -1, epoll_wait, (int epfd, struct epoll_event *events, int n, int ms),
     (epfd, events, n, ms))
WRAP(epoll_wait, int, -1, epoll_pwait2,
     (int epfd, struct epoll_event *events, int n, const struct timespec *timeout,
      const sigset_t *mask),
     (epfd, events, n, timeout, mask))
WRAP(poll, int, -1, poll, (struct pollfd * fds, nfds_t n, int ms), (fds, n, ms))

/* --- Files ----------------------------------------------------------------------------------- */

WRAP(fstat, int, -1, fstat, (int fd, struct stat *st), (fd, st))
WRAP(fstat, int, -1, fstat64, (int fd, struct stat64 *st), (fd, st))
WRAP(stat, int, -1, stat, (const char *path, struct stat *st), (path, st))
WRAP(stat, int, -1, stat64, (const char *path, struct stat64 *st), (path, st))
WRAP(lstat, int, -1, lstat, (const char *path, struct stat *st), (path, st))
WRAP(lstat, int, -1, lstat64, (const char *path, struct stat64 *st), (path, st))
WRAP(statfs, int, -1, statfs, (const char *path, struct statfs *fs), (path, fs))
WRAP(statfs, int, -1, statfs64, (const char *path, struct statfs64 *fs), (path, fs))
WRAP(fstatfs, int, -1, fstatfs, (int fd, struct statfs *fs), (fd, fs))
WRAP(fstatfs, int, -1, fstatfs64, (int fd, struct statfs64 *fs), (fd, fs))
WRAP(ftruncate, int, -1, ftruncate, (int fd, off_t size), (fd, size))
WRAP(ftruncate, int, -1, ftruncate64, (int fd, off64_t size), (fd, size))
WRAP(fallocate, int, -1, fallocate, (int fd, int mode, off_t at, off_t size), (fd, mode, at, size))
WRAP(fallocate, int, -1, fallocate64, (int fd, int mode, off64_t at, off64_t size),
     (fd, mode, at, size))
WRAP(lseek, off_t, -1, lseek, (int fd, off_t at, int whence), (fd, at, whence))
WRAP(lseek, off64_t, -1, lseek64, (int fd, off64_t at, int whence), (fd, at, whence))
WRAP(fsync, int, -1, fsync, (int fd), (fd))
WRAP(access, int, -1, access, (const char *path, int mode), (path, mode))
WRAP(unlink, int, -1, unlink, (const char *path), (path))
WRAP(linkat, int, -1, linkat, (int dir, const char *path, int to, const char *name, int flags),
     (dir, path, to, name, flags))
WRAP(rename, int, -1, rename, (const char *path, const char *name), (path, name))
WRAP(chdir, int, -1, chdir, (const char *path), (path))
WRAP(realpath, char *, NULL, realpath, (const char *path, char *real), (path, real))

/* --- Transfers ------------------------------------------------------------------------------- */

WRAP(read, ssize_t, -1, read, (int fd, void *to, size_t len), (fd, to, cut(len)))
EXPORT ssize_t write(int fd, const void *from, size_t len)
{
    NEXT(write)
    if (len != COUNTER_BYTES && fails(SLOT_write)) {
        return -1;
    }
    return next(fd, from, cut(len));
}

WRAP(pwrite, ssize_t, -1, pwrite, (int fd, const void *from, size_t len, off_t at),
     (fd, from, len, at))
WRAP(pwrite, ssize_t, -1, pwrite64, (int fd, const void *from, size_t len, off64_t at),
     (fd, from, len, at))
WRAP(recv, ssize_t, -1, recv, (int fd, void *to, size_t len, int flags), (fd, to, cut(len), flags))
WRAP(send, ssize_t, -1, send, (int fd, const void *from, size_t len, int flags),
     (fd, from, cut(len), flags))
WRAP(getrandom, ssize_t, -1, getrandom, (void *to, size_t len, unsigned flags), (to, len, flags))

EXPORT ssize_t writev(int fd, const struct iovec *iov, int n)
{
    NEXT(writev)
    struct iovec one;
    size_t left = (size_t)n;
    if (fails(SLOT_writev)) {
        return -1;
    }
    iov = cut_iov(iov, &one, &left);
    return next(fd, iov, (int)left);
}

EXPORT ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
    NEXT(recvmsg)
    struct iovec one, *iov = msg->msg_iov;
    size_t n = msg->msg_iovlen;
    if (fails(SLOT_recvmsg)) {
        return -1;
    }
    msg->msg_iov = (struct iovec *)cut_iov(iov, &one, &msg->msg_iovlen);
    ssize_t result = next(fd, msg, flags);
    msg->msg_iov = iov;
    msg->msg_iovlen = n;
    return result;
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
    NEXT(sendmsg)
    struct msghdr some = *msg;
    struct iovec one;
    if (fails(SLOT_sendmsg)) {
        return -1;
    }
    some.msg_iov = (struct iovec *)cut_iov(msg->msg_iov, &one, &some.msg_iovlen);
    return next(fd, &some, flags);
}

/* --- Sockets --------------------------------------------------------------------------------- */

WRAP(socket, int, -1, socket, (int domain, int type, int protocol), (domain, type, protocol))
WRAP(bind, int, -1, bind, (int fd, const struct sockaddr *at, socklen_t len), (fd, at, len))
WRAP(listen, int, -1, listen, (int fd, int backlog), (fd, backlog))
WRAP(accept, int, -1, accept4, (int fd, struct sockaddr *peer, socklen_t *len, int flags),
     (fd, peer, len, flags))
WRAP(connect, int, -1, connect, (int fd, const struct sockaddr *to, socklen_t len), (fd, to, len))
WRAP(getsockname, int, -1, getsockname, (int fd, struct sockaddr *name, socklen_t *len),
     (fd, name, len))
WRAP(getpeername, int, -1, getpeername, (int fd, struct sockaddr *name, socklen_t *len),
     (fd, name, len))
WRAP(setsockopt, int, -1, setsockopt, (int fd, int level, int name, const void *v, socklen_t len),
     (fd, level, name, v, len))
WRAP(getsockopt, int, -1, getsockopt, (int fd, int level, int name, void *v, socklen_t *len),
     (fd, level, name, v, len))
WRAP(getaddrinfo, int, EAI_SYSTEM, getaddrinfo,
     (const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **found),
     (host, service, hints, found))

/* --- Memory, threads, processes -------------------------------------------------------------- */

WRAP(mmap, void *, MAP_FAILED, mmap,
     (void *at, size_t size, int prot, int flags, int fd, off_t offset),
     (at, size, prot, flags, fd, offset))
WRAP(mmap, void *, MAP_FAILED, mmap64,
     (void *at, size_t size, int prot, int flags, int fd, off64_t offset),
     (at, size, prot, flags, fd, offset))
WRAP(madvise, int, -1, madvise, (void *at, size_t size, int advice), (at, size, advice))
WRAP(mlock, int, -1, mlock, (const void *at, size_t size), (at, size))
WRAP(pthread_create, int, control->err, pthread_create,
     (pthread_t * thread, const pthread_attr_t *attr, void *(*fn)(void *), void *arg),
     (thread, attr, fn, arg))
WRAP(sched_getaffinity, int, -1, sched_getaffinity, (pid_t pid, size_t size, cpu_set_t *cpus),
     (pid, size, cpus))
WRAP(sched_setaffinity, int, -1, sched_setaffinity, (pid_t pid, size_t size, const cpu_set_t *cpus),
     (pid, size, cpus))
WRAP(sigaction, int, -1, sigaction,
     (int signo, const struct sigaction *action, struct sigaction *old), (signo, action, old))
WRAP(fork, pid_t, -1, fork, (void), ())
WRAP(setsid, pid_t, -1, setsid, (void), ())
WRAP(setrlimit, int, -1, setrlimit, (__rlimit_resource_t what, const struct rlimit *limit),
     (what, limit))
WRAP(setrlimit, int, -1, setrlimit64, (__rlimit_resource_t what, const struct rlimit64 *limit),
     (what, limit))

#ifndef FAULT_WITHOUT_MEMORY

/* Not by dlsym(), which allocates. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *old, size_t size);

static bool memory_fails(size_t size)
{
    return control && control->armed && size >= control->min_bytes && fails(SLOT_memory);
}

EXPORT void *malloc(size_t size)
{
    return memory_fails(size) ? NULL : __libc_malloc(size);
}

EXPORT void *calloc(size_t n, size_t size)
{
    size_t total;
    bool over = __builtin_mul_overflow(n, size, &total);
    return !over && memory_fails(total) ? NULL : __libc_calloc(n, size);
}

EXPORT void *realloc(void *old, size_t size)
{
    return memory_fails(size) ? NULL : __libc_realloc(old, size);
}

#endif
