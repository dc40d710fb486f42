/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory for secrets.
 *
 * Each piece is a mapping of its own: of memfd_secret(2) where the kernel has it (such pages are in
 * no other mapping, not even the kernel's), else anonymous and locked. It is left out of core
 * files, empty in children, has a guard page behind it, and is wiped before it goes. Secrets are
 * few and long-lived, so pages are cheap. With the first piece the process makes itself undumpable.
 */
#include "backend/secret/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* In front of each piece, on its first page. */
typedef struct Header {
    size_t mapped_bytes; /* without the guard page */
} Header;

enum { HEADER_BYTES = 64 };
G_STATIC_ASSERT(sizeof(Header) <= HEADER_BYTES);

static size_t locked_bytes; /* atomic */

/* Core files and ptrace would show what is still in buffers elsewhere. */
static void make_undumpable(void)
{
    static gsize once;
    if (g_once_init_enter(&once)) {
        const struct rlimit none = {0, 0};
        /* syscalls: prctl prlimit64 setrlimit -- no core file has secrets in it */
        prctl(PR_SET_DUMPABLE, 0);
        setrlimit(RLIMIT_CORE, &none);
        g_once_init_leave(&once, 1);
    }
}

/* Maps @size_bytes of secret memory at @at, which is reserved. */
static bool map_locked(void *at, size_t size_bytes)
{
#ifdef SYS_memfd_secret
    /* syscalls: memfd_secret -- memory for secrets that even the kernel has not mapped */
    int fd = (int)syscall(SYS_memfd_secret, O_CLOEXEC);
    if (fd >= 0) {
        bool ok = ftruncate(fd, (off_t)size_bytes) == 0 &&
                  mmap(at, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) !=
                      MAP_FAILED;
        close(fd);
        if (ok) {
            madvise(at, size_bytes, MADV_DONTFORK);
            return true;
        }
    }
#endif
    /* syscalls: mmap munmap mlock madvise -- memory for secrets, locked */
    if (mmap(at, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
             0) == MAP_FAILED ||
        mlock(at, size_bytes) < 0) {
        return false;
    }
    madvise(at, size_bytes, MADV_DONTDUMP);
    madvise(at, size_bytes, MADV_WIPEONFORK);
    return true;
}

void *secret_alloc(size_t size_bytes, QomError **errp)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t mapped = (size_bytes + HEADER_BYTES + page - 1) & ~(page - 1);
    make_undumpable();
    void *at = mmap(NULL, mapped + page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) {
        qom_error_set_errno(errp, errno, "No memory for a secret of %zu bytes", size_bytes);
        return NULL;
    }
    if (!map_locked(at, mapped)) {
        qom_error_set_errno(errp, errno,
                            "Could not lock memory for a secret of %zu bytes (see RLIMIT_MEMLOCK)",
                            size_bytes);
        munmap(at, mapped + page);
        return NULL;
    }
    *(Header *)at = (Header){.mapped_bytes = mapped};
    __atomic_add_fetch(&locked_bytes, mapped, __ATOMIC_RELAXED);
    return (char *)at + HEADER_BYTES;
}

void secret_free(void *memory)
{
    if (!memory) {
        return;
    }
    char *at = (char *)memory - HEADER_BYTES;
    size_t mapped = ((Header *)at)->mapped_bytes;
    explicit_bzero(at, mapped);
    munmap(at, mapped + (size_t)sysconf(_SC_PAGESIZE));
    __atomic_sub_fetch(&locked_bytes, mapped, __ATOMIC_RELAXED);
}

size_t secret_locked_bytes(void)
{
    return __atomic_load_n(&locked_bytes, __ATOMIC_RELAXED);
}

void secret_bytes_clear(SecretBytes *bytes)
{
    secret_free(bytes->data);
    *bytes = (SecretBytes){0};
}
