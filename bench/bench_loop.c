/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What waking and calling another thread costs, beside the least that it could cost.
 *
 * Round trips, two threads each of which wakes the other:
 *
 *     bare        epoll_wait, read and write of eventfds, nothing else: the floor
 *     loop        the same eventfds as handlers of two loops
 *     uring       the same, the loops wait by io_uring (by epoll where the kernel has none)
 *     post        loop_post to and fro, no descriptor handlers
 *     spin        like bare, but epoll_wait never blocks: the floor for polling
 *     loop-poll   like loop, with busy polling of the eventfds, windows up to 200 us
 *     uring-poll  like uring, with that
 *     post-poll   like post, with busy polling
 *
 * Calls, one thread makes them and another runs them, neither ever sleeps (bench_calls.c):
 *
 *     queue       a bare lock-free queue of small heap blocks: the floor
 *     calls       loop_post
 *
 * The two threads run on two CPUs (skipped with only one). The ways take turns, so that a noisy
 * machine disturbs all alike. Printed are the median and the best tenth of all round trips in us,
 * or of the batches' time a call in ns, and the ratio of the medians to that of the floor; with a
 * goal, whether it is met.
 */
#include "bench_loop.h"

#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { TURNS = 20, WARM_UP = 200 };

typedef struct Side {
    struct Table *table;
    Loop *loop;
    int fd;
    LoopFd *handler;
    struct Side *peer;
    bool server; /* has the ball first and takes the time */
    int timeout; /* of the bare ways' epoll_wait */
} Side;

typedef struct Table {
    Side a, b;
    unsigned left;     /* round trips to go */
    int64_t served_ns; /* when the ball left a */
    GArray *times_ns;  /* of int64_t */
    sem_t over;
} Table;

void bench_die(const char *what)
{
    perror(what);
    exit(1);
}

/* The ball has come back to a. Returns false when the game is over. */
static bool count_round_trip(Table *table)
{
    int64_t now_ns = loop_now_ns();
    int64_t spent_ns = now_ns - table->served_ns;
    g_array_append_val(table->times_ns, spent_ns);
    table->served_ns = now_ns;
    return --table->left > 0;
}

static void take(int fd)
{
    eventfd_t value;
    if (eventfd_read(fd, &value) < 0) {
        bench_die("eventfd_read");
    }
}

void bench_pin(unsigned wanted)
{
    cpu_set_t cpus, one;
    CPU_ZERO(&one);
    if (sched_getaffinity(getpid(), sizeof(cpus), &cpus) < 0) {
        bench_die("sched_getaffinity");
    }
    for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; cpu++) {
        if (CPU_ISSET(cpu, &cpus) && wanted-- == 0) {
            CPU_SET(cpu, &one);
        }
    }
    if (sched_setaffinity(0, sizeof(one), &one) < 0) {
        bench_die("sched_setaffinity");
    }
}

/* The server has the first CPU. */
static void pin(const Side *side)
{
    bench_pin(side->server ? 0 : 1);
}

/* ---- bare ---- */

static void *bare_side(void *opaque)
{
    Side *side = opaque;
    pin(side);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = side};
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, side->fd, &event) < 0) {
        bench_die("epoll");
    }
    for (unsigned n = side->table->left; n > 0; n--) {
        int ready;
        do {
            ready = epoll_wait(epoll_fd, &event, 1, side->timeout);
        } while (ready == 0);
        if (ready < 0) {
            bench_die("epoll_wait");
        }
        take(side->fd);
        if (!side->server || count_round_trip(side->table)) {
            eventfd_write(side->peer->fd, 1);
        }
    }
    close(epoll_fd);
    return NULL;
}

static void play_alone(Table *table, int timeout)
{
    pthread_t a, b;
    table->a.server = true;
    table->a.timeout = table->b.timeout = timeout;
    errno = pthread_create(&a, NULL, bare_side, &table->a);
    if (errno) {
        bench_die("pthread_create");
    }
    errno = pthread_create(&b, NULL, bare_side, &table->b);
    if (errno) {
        bench_die("pthread_create");
    }
    table->served_ns = loop_now_ns();
    eventfd_write(table->b.fd, 1);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
}

static void play_bare(Table *table)
{
    play_alone(table, -1);
}

static void play_spin(Table *table)
{
    play_alone(table, 0);
}

/* ---- loops ---- */

static void hit_fd(void *opaque, unsigned revents)
{
    Side *side = opaque;
    take(side->fd);
    if (!side->server || count_round_trip(side->table)) {
        eventfd_write(side->peer->fd, 1);
    } else {
        sem_post(&side->table->over);
    }
}

static void add_handler(void *opaque)
{
    Side *side = opaque;
    pin(side);
    side->handler = loop_fd_add(side->loop, side->fd, LOOP_READ, hit_fd, side, NULL);
    loop_poll_add(side->loop, side->handler, NULL, NULL);
}

static void only_pin(void *opaque)
{
    pin(opaque);
}

static void serve_fd(void *opaque)
{
    Side *side = opaque;
    side->table->served_ns = loop_now_ns();
    eventfd_write(side->peer->fd, 1);
}

static void hit_post(void *opaque)
{
    Side *side = opaque;
    if (!side->server || count_round_trip(side->table)) {
        loop_post(side->peer->loop, hit_post, side->peer);
    } else {
        sem_post(&side->table->over);
    }
}

static void serve_post(void *opaque)
{
    Side *side = opaque;
    side->table->served_ns = loop_now_ns();
    loop_post(side->peer->loop, hit_post, side->peer);
}

static void play_loops(Table *table, LoopFn *prepare, LoopFn *serve, LoopMonitor monitor,
                       int64_t poll_max_ns)
{
    LoopPollParams params = {.max_ns = poll_max_ns};
    LoopThread *threads[] = {loop_thread_new("a", NULL, NULL, NULL),
                             loop_thread_new("b", NULL, NULL, NULL)};
    Side *sides[] = {&table->a, &table->b};
    table->a.server = true;
    for (unsigned i = 0; i < 2; i++) {
        sides[i]->loop = loop_thread_get_loop(threads[i]);
        loop_set_monitor(sides[i]->loop, monitor);
        loop_set_poll_params(sides[i]->loop, &params, NULL);
        loop_call_sync(sides[i]->loop, prepare, sides[i]);
    }
    loop_post(table->a.loop, serve, &table->a);
    while (sem_wait(&table->over) < 0) {
    }
    loop_thread_free(threads[0]);
    loop_thread_free(threads[1]);
}

static void play_loop(Table *table)
{
    play_loops(table, add_handler, serve_fd, LOOP_MONITOR_EPOLL, 0);
}

static void play_uring(Table *table)
{
    play_loops(table, add_handler, serve_fd, LOOP_MONITOR_IO_URING, 0);
}

static void play_uring_poll(Table *table)
{
    play_loops(table, add_handler, serve_fd, LOOP_MONITOR_IO_URING, 200000);
}

static void play_loop_poll(Table *table)
{
    play_loops(table, add_handler, serve_fd, LOOP_MONITOR_EPOLL, 200000);
}

static void play_post(Table *table)
{
    play_loops(table, only_pin, serve_post, LOOP_MONITOR_EPOLL, 0);
}

static void play_post_poll(Table *table)
{
    play_loops(table, only_pin, serve_post, LOOP_MONITOR_EPOLL, 200000);
}

/* ---- score ---- */

static void play(void (*game)(Table *table), unsigned round_trips, GArray *all_ns)
{
    Table table = {.left = WARM_UP + round_trips};
    table.a = (Side){.table = &table, .peer = &table.b, .fd = eventfd(0, EFD_CLOEXEC)};
    table.b = (Side){.table = &table, .peer = &table.a, .fd = eventfd(0, EFD_CLOEXEC)};
    table.times_ns = g_array_new(false, false, sizeof(int64_t));
    sem_init(&table.over, 0, 0);
    game(&table);
    g_array_append_vals(all_ns, &g_array_index(table.times_ns, int64_t, WARM_UP), round_trips);
    sem_destroy(&table.over);
    g_array_unref(table.times_ns);
    close(table.a.fd);
    close(table.b.fd);
}

static int compare_ns(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

/* Of each way: what plays it, one of the two; the index of its floor; and the most that its median
 * may be in units of the floor's, 0 for no goal. */
static const struct Way {
    const char *name;
    void (*round_trips)(Table *table);
    int64_t (*calls)(unsigned count); /* ns for all */
    size_t floor;
    double goal;
} ways[] = {
    {.name = "bare", .round_trips = play_bare, .floor = 0},
    {.name = "loop", .round_trips = play_loop, .floor = 0, .goal = 1.1},
    {.name = "uring", .round_trips = play_uring, .floor = 0},
    {.name = "post", .round_trips = play_post, .floor = 0},
    {.name = "spin", .round_trips = play_spin, .floor = 4},
    {.name = "loop-poll", .round_trips = play_loop_poll, .floor = 4, .goal = 1.1},
    {.name = "uring-poll", .round_trips = play_uring_poll, .floor = 4},
    {.name = "post-poll", .round_trips = play_post_poll, .floor = 4},
    {.name = "queue", .calls = bench_calls_bare, .floor = 8},
    {.name = "calls", .calls = bench_calls_loop, .floor = 8, .goal = 2},
};

static void report(const struct Way *way, double median, double best, double floor)
{
    const char *unit = way->calls ? "ns" : "us";
    double scale = way->calls ? 1 : 1e3;
    printf("%-10s median %8.2f %s   best tenth %8.2f %s   ratio %.3f of %s", way->name,
           median / scale, unit, best / scale, unit, median / floor, ways[way->floor].name);
    if (way->goal > 0) {
        printf("   goal <= %g: %s", way->goal, median / floor <= way->goal ? "met" : "missed");
    }
    printf("\n");
}

int main(int argc, char **argv)
{
    cpu_set_t cpus;
    if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0 && CPU_COUNT(&cpus) < 2) {
        printf("skipped: needs two CPUs\n");
        return 77;
    }
    unsigned round_trips = argc > 1 ? (unsigned)atoi(argv[1]) : 1000;
    GArray *times_ns[G_N_ELEMENTS(ways)];
    double medians[G_N_ELEMENTS(ways)];
    for (size_t i = 0; i < G_N_ELEMENTS(ways); i++) {
        times_ns[i] = g_array_new(false, false, sizeof(int64_t));
    }
    for (unsigned turn = 0; turn < TURNS; turn++) {
        for (size_t i = 0; i < G_N_ELEMENTS(ways); i++) {
            if (ways[i].round_trips) {
                play(ways[i].round_trips, round_trips, times_ns[i]);
            } else {
                unsigned count = round_trips * 100;
                int64_t each_ns = ways[i].calls(count) / count;
                g_array_append_val(times_ns[i], each_ns);
            }
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(ways); i++) {
        GArray *times = times_ns[i];
        g_array_sort(times, compare_ns);
        medians[i] = (double)g_array_index(times, int64_t, times->len / 2);
        double best = (double)g_array_index(times, int64_t, times->len / 10);
        report(&ways[i], medians[i], best, medians[ways[i].floor]);
        g_array_unref(times);
    }
    return 0;
}
