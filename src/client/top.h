/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `qom top`, its rooms: top_sample.c asks the server, top_proc.c reads /proc of a local one,
 * top_rates.c compares two samples, top_show.c shows one; cmd_top.c repeats that. One thread.
 */
#ifndef CLIENT_TOP_H
#define CLIENT_TOP_H

#include "client/client.h"

/* What a loop counts, by the names that qomd-query-loops has for it. */
typedef enum TopFigure {
    TOP_LOOPS,
    TOP_EVENTS,
    TOP_POLLED_NS,
    TOP_SLEPT_NS,
    TOP_COUNTERS, /* those before only grow, so that they have rates */
    TOP_POLL_NS = TOP_COUNTERS,
    TOP_POOL_THREADS,
    TOP_POOL_BUSY,
    TOP_FIGURES,
} TopFigure;

typedef struct TopThread {
    char *name; /* of the thread, or "" */
    char *id;   /* of the iothread whose loop it runs; NULL: none */
    int64_t tid;
    bool loop, figure_known[TOP_FIGURES];
    uint64_t figure[TOP_FIGURES];
    bool cpu_known;
    uint64_t cpu_ns; /* time on a CPU since it began */
    bool rates_known;
    double cpu_percent, rate[TOP_COUNTERS]; /* a second */
} TopThread;

typedef struct TopClient {
    char *monitor; /* id, or name of the character device */
    int64_t pid, uid, since;
    bool peer_known, oob;
    uint64_t commands;
    bool rate_known;
    double rate; /* commands a second */
} TopClient;

typedef struct TopMemory {
    char *id;
    uint64_t size, resident; /* bytes */
    bool resident_known;
} TopMemory;

typedef struct TopSample {
    int64_t time_us; /* g_get_monotonic_time() */
    int64_t wall_us; /* g_get_real_time() */
    int64_t pid;     /* 0: not local, so nothing is known of the process */
    uint64_t rss_bytes;
    bool rates_known;
    double cpu_percent; /* of all threads */
    GArray *threads;    /* of TopThread */
    GArray *clients;    /* of TopClient */
    GArray *memory;     /* of TopMemory */
} TopSample;

/* What the server has of the commands that tell something; all at first. */
typedef struct TopServer {
    Connection *connection;
    bool missing[8]; /* by the place in a table of top_sample.c */
} TopServer;

/* Asks for everything in one round trip. NULL and *errp: the connection has failed. */
TopSample *top_sample_take(TopServer *server, QomError **errp);
/* NULL is fine. */
void top_sample_free(TopSample *sample);
/* A thread of @sample without anything known but its id, at the end of the list. */
TopThread *top_add_thread(TopSample *sample, int64_t tid);
/* The thread with the id @tid, or NULL. */
TopThread *top_find_thread(const TopSample *sample, int64_t tid);

/* Adds what /proc tells of the process @sample->pid and its threads; sets pid to 0 if that is
 * nothing. */
void top_read_proc(TopSample *sample);

/* Works out the rates of @now from @before, and puts the busiest first. */
void top_compare(TopSample *now, const TopSample *before);

/* Appends the sample as text to @out, lines of at most @columns (0: any), at most @rows (0: any).
 */
void top_write_text(const Printer *p, const TopSample *sample, size_t columns, size_t rows,
                    GString *out);
void top_write_json(JsonWriter *w, const TopSample *sample);

/* The name of a figure in the server's answers. */
const char *top_figure_name(TopFigure figure);

#endif
