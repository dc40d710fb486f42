/* SPDX-License-Identifier: BSD-3-Clause */
/* What has happened between two samples; see top.h. */
#include "client/top.h"

#include <string.h>

/* How much a counter has grown; one that became smaller belongs to something new. */
static double growth(uint64_t now, uint64_t before)
{
    return now >= before ? (double)(now - before) : 0;
}

static void compare_thread(TopThread *now, const TopThread *before, double seconds)
{
    now->rates_known = true;
    now->cpu_percent = now->cpu_known && before->cpu_known
                           ? growth(now->cpu_ns, before->cpu_ns) / seconds / 1e7
                           : 0;
    for (TopFigure f = 0; f < TOP_COUNTERS; f++) {
        now->rate[f] = growth(now->figure[f], before->figure[f]) / seconds;
    }
}

/* The same connection in @before, looked for from where it should be, or NULL. */
static const TopClient *find_client(const TopSample *before, const TopClient *c, guint place)
{
    for (guint i = 0; i < before->clients->len; i++) {
        guint at = (place + i) % before->clients->len;
        const TopClient *other = &g_array_index(before->clients, TopClient, at);
        if (!strcmp(other->monitor, c->monitor) && other->pid == c->pid &&
            other->since == c->since && other->commands <= c->commands) {
            return other;
        }
    }
    return NULL;
}

static gint by_cpu(gconstpointer a, gconstpointer b)
{
    const TopThread *p = a;
    const TopThread *q = b;
    if (p->cpu_percent != q->cpu_percent) {
        return p->cpu_percent > q->cpu_percent ? -1 : 1;
    }
    if (p->loop != q->loop) {
        return p->loop ? -1 : 1;
    }
    return (p->tid > q->tid) - (p->tid < q->tid);
}

static gint by_rate(gconstpointer a, gconstpointer b)
{
    const TopClient *p = a;
    const TopClient *q = b;
    if (p->rate != q->rate) {
        return p->rate > q->rate ? -1 : 1;
    }
    return (p->since > q->since) - (p->since < q->since);
}

static gint by_size(gconstpointer a, gconstpointer b)
{
    const TopMemory *p = a;
    const TopMemory *q = b;
    return p->size != q->size ? (p->size > q->size ? -1 : 1) : strcmp(p->id, q->id);
}

/* A table of threads by their id, so that a thousand of them are found in no time. */
static GHashTable *index_threads(const TopSample *s)
{
    GHashTable *index = g_hash_table_new(g_int64_hash, g_int64_equal);
    for (guint i = 0; i < s->threads->len; i++) {
        TopThread *t = &g_array_index(s->threads, TopThread, i);
        g_hash_table_insert(index, &t->tid, t);
    }
    return index;
}

void top_compare(TopSample *now, const TopSample *before)
{
    if (before && now->time_us > before->time_us) {
        double seconds = (double)(now->time_us - before->time_us) / 1e6;
        g_autoptr(GHashTable) index = index_threads(before);
        now->rates_known = true;
        for (guint i = 0; i < now->threads->len; i++) {
            TopThread *t = &g_array_index(now->threads, TopThread, i);
            const TopThread *old = g_hash_table_lookup(index, &t->tid);
            if (old) {
                compare_thread(t, old, seconds);
            }
            now->cpu_percent += t->cpu_percent;
        }
        for (guint i = 0; i < now->clients->len; i++) {
            TopClient *c = &g_array_index(now->clients, TopClient, i);
            const TopClient *old = find_client(before, c, i);
            c->rate_known = old != NULL;
            c->rate = old ? growth(c->commands, old->commands) / seconds : 0;
        }
    }
    g_array_sort(now->threads, by_cpu);
    g_array_sort(now->clients, by_rate);
    g_array_sort(now->memory, by_size);
}
