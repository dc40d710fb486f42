/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files with holes: where bytes are stored, and giving back what holds nothing but zeros.
 *
 * Source: lseek(2) on SEEK_DATA and SEEK_HOLE, fallocate(2).
 */
#include "backend/memory/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_BYTES ((size_t)64 << 10) /* what is looked at, and given back, as a whole */

bool memory_is_zero(const void *ptr, size_t size_bytes)
{
    const char *bytes = ptr;
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, size_bytes - 1) == 0;
}

bool memory_next_data(int fd, uint64_t from, uint64_t end, uint64_t *start, uint64_t *stop)
{
    /* syscalls: lseek -- where a file has data */
    off_t data = lseek(fd, (off_t)from, SEEK_DATA);
    if (data < 0 && errno == ENXIO) {
        return false;
    }
    /* What does not tell, or something else, stores everything. */
    *start = data < (off_t)from ? from : (uint64_t)data;
    if (*start >= end) {
        return false;
    }
    /* Somebody may have made a hole there since. */
    off_t hole = lseek(fd, (off_t)*start, SEEK_HOLE);
    *stop = hole <= (off_t)*start ? end : MIN((uint64_t)hole, end);
    return true;
}

void memory_punch_zeros(int fd, uint64_t from, uint64_t end)
{
    g_autofree char *block = g_malloc(BLOCK_BYTES);
    uint64_t start, stop;
    for (; memory_next_data(fd, from, end, &start, &stop); from = stop) {
        for (uint64_t at = start; at < stop; at += BLOCK_BYTES) {
            size_t len = MIN(BLOCK_BYTES, stop - at);
            /* syscalls: pread64 fallocate -- pages of zeros become holes of a file */
            if (pread(fd, block, len, (off_t)at) == (ssize_t)len && memory_is_zero(block, len) &&
                fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)len) <
                    0) {
                return;
            }
        }
    }
}
