/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The threads of a local server in /proc; see top.h. A thread that the server has told of is known
 * by its id; in another namespace the ids mean other threads, so nothing is added to a process that
 * lacks one of them.
 */
#include "client/top.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The text of /proc/PID/task/TID/@name (/proc/PID/@name if @tid is 0), new memory, or NULL. */
static char *read_file(int64_t pid, int64_t tid, const char *name)
{
    g_autofree char *path =
        tid ? g_strdup_printf("/proc/%" PRId64 "/task/%" PRId64 "/%s", pid, tid, name)
            : g_strdup_printf("/proc/%" PRId64 "/%s", pid, name);
    char *text = NULL;
    return g_file_get_contents(path, &text, NULL, NULL) ? text : NULL;
}

/* Time on a CPU by way of clock ticks, which every kernel counts. */
static bool read_ticks(int64_t pid, int64_t tid, uint64_t *cpu_ns)
{
    g_autofree char *text = read_file(pid, tid, "stat");
    const char *behind = text ? strrchr(text, ')') : NULL;
    uint64_t user;
    uint64_t system;
    if (!behind ||
        sscanf(behind + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64,
               &user, &system) != 2) {
        return false;
    }
    *cpu_ns = (user + system) * (UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK));
    return true;
}

static bool read_cpu(int64_t pid, int64_t tid, uint64_t *cpu_ns)
{
    g_autofree char *text = read_file(pid, tid, "schedstat");
    return (text && sscanf(text, "%" SCNu64, cpu_ns) == 1 && *cpu_ns > 0) ||
           read_ticks(pid, tid, cpu_ns);
}

static void read_thread(TopSample *s, int64_t tid)
{
    g_autofree char *comm = read_file(s->pid, tid, "comm");
    uint64_t cpu_ns;
    if (!comm || !read_cpu(s->pid, tid, &cpu_ns)) {
        return; /* it has ended meanwhile */
    }
    TopThread *t = top_find_thread(s, tid);
    t = t ? t : top_add_thread(s, tid);
    g_free(t->name);
    t->name = g_utf8_make_valid(g_strchomp(comm), -1);
    t->cpu_known = true;
    t->cpu_ns = cpu_ns;
}

/* Whether all threads that the server has told of are threads of this process. */
static bool has_all(const TopSample *s)
{
    for (guint i = 0; i < s->threads->len; i++) {
        g_autofree char *text =
            read_file(s->pid, g_array_index(s->threads, TopThread, i).tid, "comm");
        if (!text) {
            return false;
        }
    }
    return true;
}

void top_read_proc(TopSample *s)
{
    g_autofree char *path = g_strdup_printf("/proc/%" PRId64 "/task", s->pid);
    g_autoptr(GDir) folder = has_all(s) ? g_dir_open(path, 0, NULL) : NULL;
    uint64_t pages;

    if (!folder) {
        s->pid = 0;
        return;
    }
    for (const char *name; (name = g_dir_read_name(folder));) {
        read_thread(s, g_ascii_strtoll(name, NULL, 10));
    }
    g_autofree char *statm = read_file(s->pid, 0, "statm");
    if (statm && sscanf(statm, "%*u %" SCNu64, &pages) == 1) {
        s->rss_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE);
    }
}
