/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What preallocation costs: 1 GiB of a memfd, by a memory-backend-memfd with one and with two
 * threads, and by one plain madvise(MADV_POPULATE_WRITE), which is the least that the kernel takes.
 * They take turns, so that all meet the same machine; the best turn counts. The ratio is plain time
 * by ours; with one thread at least 0.95 is wanted, with two more than 1.
 *
 *     bench-prealloc [MIB [TURNS]]
 */
#include "qom/backend.h"
#include "qom/loop.h"
#include "qom/object.h"

#include <errno.h>
#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

/* Ends the program, saying what does not work here. */
static void must(bool works, const char *what)
{
    if (!works) {
        fprintf(stderr, "bench-prealloc: %s: %s\n", what, g_strerror(errno));
        exit(1);
    }
}

static double plain_ms(uint64_t size_bytes)
{
    int fd = memfd_create("bench", MFD_CLOEXEC);
    must(fd >= 0 && ftruncate(fd, (off_t)size_bytes) == 0, "memfd");
    void *map = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    must(map != MAP_FAILED, "mmap");
    /* As a backend does, for huge pages where shared memory may have them. */
    madvise(map, size_bytes, MADV_HUGEPAGE);
    int64_t start_ns = loop_now_ns();
    must(madvise(map, size_bytes, MADV_POPULATE_WRITE) == 0, "MADV_POPULATE_WRITE");
    int64_t end_ns = loop_now_ns();
    munmap(map, size_bytes);
    close(fd);
    return (double)(end_ns - start_ns) / 1e6;
}

static double ours_ms(uint64_t size_bytes, unsigned threads)
{
    QOM_AUTO_ERROR(err);
    g_autofree char *json = g_strdup_printf(
        "{'qom-type':'memory-backend-memfd','id':'m','size':%" PRIu64 ",'prealloc-threads':%u}",
        size_bytes, threads);
    QomObject *obj = qom_object_add_json(json, NULL, &err);
    must(obj, err ? qom_error_message(err) : "object-add");
    int64_t start_ns = loop_now_ns();
    must(qom_property_set_bool(obj, "prealloc", true, &err),
         err ? qom_error_message(err) : "prealloc");
    int64_t end_ns = loop_now_ns();
    qom_object_del("m", NULL);
    return (double)(end_ns - start_ns) / 1e6;
}

int main(int argc, char **argv)
{
    uint64_t size_bytes = (argc > 1 ? strtoull(argv[1], NULL, 10) : 1024) << 20;
    unsigned turns = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 5;
    struct sysinfo info;
    sysinfo(&info);
    if (info.freeram * (uint64_t)info.mem_unit < size_bytes * 2) {
        printf("skipped: needs twice %" PRIu64 " MiB of free memory\n", size_bytes >> 20);
        return 77;
    }
    QOM_AUTO_ERROR(err);
    Loop *loop = loop_new(&err);
    must(loop, "loop");
    loop_set_main(loop);
    qom_backend_register_types();

    plain_ms(size_bytes); /* the host may have to find the memory first */
    double plain = 1e12, one = 1e12, two = 1e12;
    for (unsigned turn = 0; turn < turns; turn++) {
        double now = plain_ms(size_bytes);
        plain = MIN(plain, now);
        now = ours_ms(size_bytes, 1);
        one = MIN(one, now);
        now = ours_ms(size_bytes, 2);
        two = MIN(two, now);
    }
    printf("plain      %8.1f ms\n", plain);
    printf("1 thread   %8.1f ms   ratio %.3f\n", one, plain / one);
    printf("2 threads  %8.1f ms   ratio %.3f\n", two, plain / two);
    qom_tree_destroy();
    loop_free(loop);
    return 0;
}
