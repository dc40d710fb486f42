/* SPDX-License-Identifier: BSD-3-Clause */
#include "confine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Of a mapping and of a file: what a hundred objects of one input may take together is bearable. */
#define MAX_BYTES   ((size_t)4 << 20)
#define MAX_NAME    200
#define MAX_WAIT_MS 20
#define MAX_THREADS 200

static char folder[] = "/tmp/qfuzz-XXXXXX";
static bool is_on;

/* What the linker makes of `NAME` and of the function that it stands for. Those in 64 are what
 * _FILE_OFFSET_BITS, which Meson sets, makes of calls without. */
#define WRAP(ret, name, ...)        \
    ret __wrap_##name(__VA_ARGS__); \
    ret __real_##name(__VA_ARGS__); \
    ret __wrap_##name(__VA_ARGS__)

/* Where @path leads; for g_free(). */
static char *confined(const char *path)
{
    if (!is_on) {
        return g_strdup(path);
    }
    static const char *const harmless[] = {"/dev/zero", "/dev/null", "/dev/random", "/dev/urandom"};
    for (size_t i = 0; i < G_N_ELEMENTS(harmless); i++) {
        if (strcmp(path, harmless[i]) == 0) {
            return g_strdup(path);
        }
    }
    if (g_str_has_prefix(path, "/proc/self/fd/") || g_str_has_prefix(path, "/sys/") ||
        g_str_has_prefix(path, folder)) {
        return strstr(path, "..") ? g_strdup(folder) : g_strdup(path);
    }
    if (strcmp(path, "/") == 0 || strcmp(path, ".") == 0 || strcmp(path, "/tmp") == 0) {
        return g_strdup(folder);
    }
    g_autofree char *name = g_strdelimit(g_strndup(path, MAX_NAME), "/", '_');
    return g_strdup_printf("%s/%s", folder, name[0] == '.' ? "dots" : name);
}

WRAP(int, open64, const char *path, int flags, ...)
{
    va_list ap;
    va_start(ap, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? (mode_t)va_arg(ap, int) : 0;
    va_end(ap);
    g_autofree char *own = confined(path);
    return __real_open64(own, flags, mode);
}

WRAP(int, unlink, const char *path)
{
    g_autofree char *own = confined(path);
    return __real_unlink(own);
}

WRAP(int, lstat64, const char *path, struct stat *st)
{
    g_autofree char *own = confined(path);
    return __real_lstat64(own, st);
}

WRAP(int, stat64, const char *path, struct stat *st)
{
    g_autofree char *own = confined(path);
    return __real_stat64(own, st);
}

WRAP(int, statfs64, const char *path, struct statfs *st)
{
    g_autofree char *own = confined(path);
    return __real_statfs64(own, st);
}

WRAP(int, mkostemp64, char *template, int flags)
{
    g_autofree char *own = g_strdup_printf("%s/temp-XXXXXX", folder);
    int fd = __real_mkostemp64(own, flags);
    size_t len = strlen(template);
    memcpy(template + len - 6, own + strlen(own) - 6, 6);
    __real_unlink(own);
    return fd;
}

WRAP(int, rename, const char *from, const char *to)
{
    g_autofree char *own_from = confined(from);
    g_autofree char *own_to = confined(to);
    return __real_rename(own_from, own_to);
}

WRAP(int, linkat, int from_dir, const char *from, int to_dir, const char *to, int flags)
{
    g_autofree char *own_from = confined(from);
    g_autofree char *own_to = confined(to);
    return __real_linkat(from_dir, own_from, to_dir, own_to, flags);
}

/* @fd's file is ours, so it may not become large; memory neither. */
WRAP(void *, mmap64, void *at, size_t size, int prot, int flags, int fd, off_t offset)
{
    if (is_on && size > MAX_BYTES) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return __real_mmap64(at, size, prot, flags, fd, offset);
}

/* A process that can not be looked into has no leak detection. */
WRAP(int, prctl, int option, ...)
{
    unsigned long args[4];
    va_list ap;
    va_start(ap, option);
    for (size_t i = 0; i < G_N_ELEMENTS(args); i++) {
        args[i] = va_arg(ap, unsigned long);
    }
    va_end(ap);
    return option == PR_SET_DUMPABLE ? 0 : __real_prctl(option, args[0], args[1], args[2], args[3]);
}

/* thread-pool-min may ask for any number; so many that nothing can be mapped any more end a
 * sanitizer. */
WRAP(int, pthread_create, pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *),
     void *arg)
{
    if (is_on && confine_count_threads() > MAX_THREADS) {
        return EAGAIN;
    }
    return __real_pthread_create(thread, attr, fn, arg);
}

/* Nobody waits long for what never comes. */
WRAP(int, poll, struct pollfd *fds, nfds_t n, int timeout_ms)
{
    bool long_time = timeout_ms < 0 || timeout_ms > MAX_WAIT_MS;
    return __real_poll(fds, n, is_on && long_time ? MAX_WAIT_MS : timeout_ms);
}

/* --- The network ----------------------------------------------------------------------------- */

/* Puts a Unix socket into the folder; false: its name is too long for that. */
static bool confine_unix(const struct sockaddr *sa, socklen_t *len, struct sockaddr_un *own)
{
    const struct sockaddr_un *un = (const void *)sa;
    size_t start = offsetof(struct sockaddr_un, sun_path);
    bool abstract = *len > start && un->sun_path[0] == '\0';
    g_autofree char *path = g_strndup(un->sun_path + abstract, *len - start - abstract);
    g_autofree char *inside = confined(path);
    size_t n = strlen(inside) + 1;
    if (*len == start || n + abstract > sizeof(own->sun_path)) {
        return *len == start;
    }
    memset(own, 0, sizeof(*own));
    own->sun_family = AF_UNIX;
    memcpy(own->sun_path + abstract, inside, n);
    *len = (socklen_t)(start + abstract + n);
    return true;
}

WRAP(int, bind, int fd, const struct sockaddr *sa, socklen_t len)
{
    if (sa->sa_family == AF_UNIX) {
        struct sockaddr_un own = {.sun_family = AF_UNIX};
        if (!confine_unix(sa, &len, &own)) {
            errno = ENAMETOOLONG;
            return -1;
        }
        return __real_bind(fd, (struct sockaddr *)&own, len);
    }
    /* Any port, and nobody from outside gets to it. */
    if (sa->sa_family == AF_INET) {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        return __real_bind(fd, (struct sockaddr *)&in, sizeof(in));
    }
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    if (sa->sa_family == AF_INET6) {
        return __real_bind(fd, (struct sockaddr *)&in6, sizeof(in6));
    }
    errno = EACCES;
    return -1;
}

WRAP(int, connect, int fd, const struct sockaddr *sa, socklen_t len)
{
    struct sockaddr_un own = {.sun_family = AF_UNIX};
    if (sa->sa_family != AF_UNIX || !confine_unix(sa, &len, &own)) {
        errno = ECONNREFUSED;
        return -1;
    }
    return __real_connect(fd, (struct sockaddr *)&own, len);
}

WRAP(int, getaddrinfo, const char *host, const char *port, const struct addrinfo *hints,
     struct addrinfo **found)
{
    struct addrinfo own = hints ? *hints : (struct addrinfo){0};
    own.ai_flags |= AI_NUMERICHOST | AI_NUMERICSERV;
    return __real_getaddrinfo(host, port, &own, found);
}

/* --- The folder ------------------------------------------------------------------------------ */

static void remove_folder(void)
{
    confine_clear();
    rmdir(folder);
}

void confine_begin(void)
{
    const struct rlimit file_size = {MAX_BYTES, RLIM_INFINITY};
    signal(SIGPIPE, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &file_size);
    if (!mkdtemp(folder)) {
        g_error("can not make %s", folder);
    }
    atexit(remove_folder);
    /* A character device on stdio reads nothing. */
    int null = __real_open64("/dev/null", O_RDONLY | O_CLOEXEC);
    dup2(null, STDIN_FILENO);
    close(null);
}

const char *confine_folder(void)
{
    return folder;
}

void confine_on(bool on)
{
    is_on = on;
    signal(SIGXFSZ, SIG_IGN); /* libFuzzer has a handler */
    struct stat st;
    if (on && (open("/etc/passwd", O_RDONLY) >= 0 || lstat("/etc/passwd", &st) == 0)) {
        g_error("the calls are not confined");
    }
}

void confine_clear(void)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    for (const char *name; dir && (name = g_dir_read_name(dir));) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        g_remove(path);
    }
}

void confine_file(const char *name, const void *data, size_t len)
{
    g_autofree char *path = confined(name);
    g_file_set_contents_full(path, data, (gssize)len, G_FILE_SET_CONTENTS_NONE, 0600, NULL);
}

static size_t count_entries(const char *path)
{
    DIR *dir = opendir(path);
    size_t n = 0;
    while (dir && readdir(dir)) {
        n++;
    }
    if (dir) {
        closedir(dir);
    }
    return n;
}

size_t confine_count_fds(void)
{
    return count_entries("/proc/self/fd");
}

size_t confine_count_threads(void)
{
    return count_entries("/proc/self/task");
}
