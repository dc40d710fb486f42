/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What preallocation costs: a memfd of 1 GiB, by a memory-backend-memfd with one and with two
 * threads, and by as many threads that do nothing but madvise(MADV_POPULATE_WRITE), which is the
 * least that the kernel takes. They take turns, so that all meet the same machine; the best turn
 * counts. The ratio is plain time by ours; at least 0.95 is wanted.
 *
 *     bench-prealloc [MIB [TURNS [NAME=SOCKET ...]]]
 *
 * Each SOCKET is the QMP monitor of a server, such as qomd or QEMU, whose object-add is measured by
 * the same turns, from the request to the reply.
 */
#include "qom/backend.h"
#include "qom/loop.h"
#include "qom/object.h"

#include <errno.h>
#include <glib.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <sys/un.h>
#include <unistd.h>

/* Ends the program, saying what does not work here. */
static void must(bool works, const char *what)
{
    if (!works) {
        fprintf(stderr, "bench-prealloc: %s: %s\n", what, g_strerror(errno));
        exit(1);
    }
}

enum { MAX_THREADS = 2, MAX_SERVERS = 4 };

typedef struct Part {
    char *at;
    size_t size_bytes;
    pthread_t thread;
} Part;

static void *populate(void *opaque)
{
    const Part *part = opaque;
    must(madvise(part->at, part->size_bytes, MADV_POPULATE_WRITE) == 0, "MADV_POPULATE_WRITE");
    return NULL;
}

/* One thread is the caller's. */
static double plain_ms(uint64_t size_bytes, unsigned threads)
{
    Part parts[MAX_THREADS];
    int fd = memfd_create("bench", MFD_CLOEXEC);
    must(fd >= 0 && ftruncate(fd, (off_t)size_bytes) == 0, "memfd");
    char *map = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    must(map != MAP_FAILED, "mmap");
    /* As a backend does, for huge pages where shared memory may have them. */
    madvise(map, size_bytes, MADV_HUGEPAGE);
    int64_t start_ns = loop_now_ns();
    for (unsigned i = 0; i < threads; i++) {
        size_t size = size_bytes / threads;
        parts[i] = (Part){.at = map + i * size, .size_bytes = size};
        if (i > 0) {
            must(pthread_create(&parts[i].thread, NULL, populate, &parts[i]) == 0, "a thread");
        }
    }
    populate(&parts[0]);
    for (unsigned i = 1; i < threads; i++) {
        pthread_join(parts[i].thread, NULL);
    }
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

/* --- Servers --------------------------------------------------------------------------------- */

typedef struct Server {
    char *name;
    FILE *in, *out;
    double best_ms[MAX_THREADS + 1];
} Server;

/* Sends @request, waits for the response; events are passed over. */
static void call(Server *server, const char *request)
{
    char line[65536];
    fprintf(server->out, "%s\n", request);
    fflush(server->out);
    do {
        must(fgets(line, sizeof(line), server->in), server->name);
    } while (strncmp(line, "{\"return\"", 9) != 0 && !strstr(line, "\"error\""));
    if (strstr(line, "\"error\"")) {
        fprintf(stderr, "bench-prealloc: %s: %s", server->name, line);
        exit(1);
    }
}

static Server dial(const char *spec)
{
    const char *path = strchr(spec, '=');
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char greeting[65536];
    errno = EINVAL;
    must(path && strlen(path) <= sizeof(address.sun_path), spec);
    g_strlcpy(address.sun_path, path + 1, sizeof(address.sun_path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0, spec);
    Server server = {
        .name = g_strndup(spec, (gsize)(path - spec)),
        .in = fdopen(fd, "r"),
        .out = fdopen(dup(fd), "w"),
        .best_ms = {[1] = 1e12, [2] = 1e12},
    };
    must(server.in && server.out && fgets(greeting, sizeof(greeting), server.in), spec);
    call(&server, "{\"execute\": \"qmp_capabilities\"}");
    return server;
}

static double server_ms(Server *server, uint64_t size_bytes, unsigned threads)
{
    g_autofree char *request = g_strdup_printf(
        "{\"execute\": \"object-add\", \"arguments\": {\"qom-type\": \"memory-backend-memfd\", "
        "\"id\": \"bench\", \"size\": %" PRIu64 ", \"prealloc\": true, \"prealloc-threads\": %u}}",
        size_bytes, threads);
    int64_t start_ns = loop_now_ns();
    call(server, request);
    int64_t end_ns = loop_now_ns();
    call(server, "{\"execute\": \"object-del\", \"arguments\": {\"id\": \"bench\"}}");
    g_usleep(200000); /* QEMU gives the memory back a while after its reply */
    return (double)(end_ns - start_ns) / 1e6;
}

/* --------------------------------------------------------------------------------------------- */

typedef struct Best {
    double plain_ms[MAX_THREADS + 1], ours_ms[MAX_THREADS + 1];
    Server servers[MAX_SERVERS];
    unsigned n_servers;
} Best;

static void take_turn(Best *best, uint64_t size_bytes)
{
    for (unsigned n = 1; n <= MAX_THREADS; n++) {
        double now = plain_ms(size_bytes, n);
        best->plain_ms[n] = MIN(best->plain_ms[n], now);
        now = ours_ms(size_bytes, n);
        best->ours_ms[n] = MIN(best->ours_ms[n], now);
        for (unsigned i = 0; i < best->n_servers; i++) {
            now = server_ms(&best->servers[i], size_bytes, n);
            best->servers[i].best_ms[n] = MIN(best->servers[i].best_ms[n], now);
        }
    }
}

static void report(const Best *best)
{
    for (unsigned n = 1; n <= MAX_THREADS; n++) {
        double plain = best->plain_ms[n];
        printf("%u plain %.1f ms\n", n, plain);
        printf("%u ours %.1f ms ratio %.3f\n", n, best->ours_ms[n], plain / best->ours_ms[n]);
        for (unsigned i = 0; i < best->n_servers; i++) {
            const Server *server = &best->servers[i];
            printf("%u %s %.1f ms ratio %.3f\n", n, server->name, server->best_ms[n],
                   plain / server->best_ms[n]);
        }
    }
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

    static Best best = {.plain_ms = {0, 1e12, 1e12}, .ours_ms = {0, 1e12, 1e12}};
    for (int i = 3; i < argc && best.n_servers < MAX_SERVERS; i++) {
        best.servers[best.n_servers++] = dial(argv[i]);
    }
    plain_ms(size_bytes, 1); /* the host may have to find the memory first */
    for (unsigned turn = 0; turn < turns; turn++) {
        take_turn(&best, size_bytes);
    }
    report(&best);
    qom_tree_destroy();
    loop_free(loop);
    return 0;
}
