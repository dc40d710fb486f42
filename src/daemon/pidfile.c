/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The file with the process id. A record lock on it says that the process lives; it is not
 * inherited by children, and it ends with the process whatever happens.
 */
#include "daemon/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whether @path is the file behind @fd, and not one that was put there since. */
static bool is_same_file(const char *path, int fd)
{
    struct stat by_path, by_fd;
    return stat(path, &by_path) == 0 && fstat(fd, &by_fd) == 0 && by_path.st_dev == by_fd.st_dev &&
           by_path.st_ino == by_fd.st_ino;
}

/* Closes @fd and says who has the lock. Where there are no locks, the file may be new: then it goes
 * again. */
static void lock_error(int err, const char *path, int fd, QomError **errp)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct stat st;
    qom_error_set_errno(errp, err, "Cannot lock pid file");
    if (err != EAGAIN && err != EACCES && fstat(fd, &st) == 0 && st.st_size == 0) {
        pidfile_remove(path, fd);
        return;
    }
    if (fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK) {
        qom_error_hint(errp, "'%s' belongs to process %ld, which runs.", path, (long)lock.l_pid);
    }
    close(fd);
}

static int open_locked(const char *path, QomError **errp)
{
    for (;;) {
        int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC | O_NOCTTY, 0600);
        if (fd < 0) {
            qom_error_set_errno(errp, errno, "Could not create '%s'", path);
            return -1;
        }
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        if (fcntl(fd, F_SETLK, &lock) < 0) {
            lock_error(errno, path, fd, errp);
            return -1;
        }
        /* The one who had the lock may have removed the file before giving it back. */
        if (is_same_file(path, fd)) {
            return fd;
        }
        close(fd);
    }
}

int pidfile_create(const char *path, QomError **errp)
{
    int fd = open_locked(path, errp);
    if (fd < 0) {
        return -1;
    }
    g_autofree char *line = g_strdup_printf("%ld\n", (long)getpid());
    ssize_t len = (ssize_t)strlen(line);
    if (ftruncate(fd, 0) < 0 || pwrite(fd, line, (size_t)len, 0) != len) {
        qom_error_set_errno(errp, errno, "Failed to write pid file");
        pidfile_remove(path, fd);
        return -1;
    }
    return fd;
}

void pidfile_remove(const char *path, int fd)
{
    /* syscalls: stat newfstatat fstat unlink unlinkat ftruncate -- the pid file is removed */
    if ((!is_same_file(path, fd) || unlink(path) < 0) && ftruncate(fd, 0) < 0) {
        /* Then a stale number stays behind; the lock says that nobody has it. */
    }
    close(fd);
}
