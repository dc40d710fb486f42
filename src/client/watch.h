/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `qom watch`: changes of objects as they happen. Servers that have qomd-watch tell them
 * (cmd_watch.c); others are asked again and again (watch_poll.c). Both report the same:
 *
 *     /objects/io0.poll-max-ns = 5      + /objects/io1  iothread      - /objects/io1
 */
#ifndef CLIENT_WATCH_H
#define CLIENT_WATCH_H

#include "client/client.h"

typedef struct Watching {
    Client *client;
    char *path;
    char *property;      /* NULL: all */
    bool recurse;        /* objects below too */
    int64_t interval_ms; /* -1: as the server or watch_poll() thinks best */
    uint64_t left;       /* how many reports are still wanted */
    bool done;           /* that many came, or the object has gone */
} Watching;

/* Reports; nothing once it is done. @tape: of the value; NULL: it can not be read. */
void watch_changed(Watching *w, const char *path, const char *property, const JsonTape *tape,
                   JsonTok value);
void watch_added(Watching *w, const char *path, const char *type);
void watch_removed(Watching *w, const char *path);
/* @n changes were not told. */
void watch_lost(Watching *w, int64_t n);

/* Asks at intervals (1000 ms if none is given) until it is done; returns the exit status. */
int watch_poll(Watching *w);

#endif
