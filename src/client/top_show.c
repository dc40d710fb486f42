/* SPDX-License-Identifier: BSD-3-Clause */
/* A sample as text for people, and as JSON; see top.h. What is not known is a dash. */
#include "client/top.h"

#include <inttypes.h>
#include <string.h>

enum { NAME_COLUMNS = 22, CELL = 32, SECTIONS = 3 };

/* A number in few letters: 950, 12.3k, 4.5M. */
static void short_number(char cell[static CELL], bool known, double value)
{
    static const char suffix[] = " kMGT";
    size_t i = 0;
    if (!known) {
        g_strlcpy(cell, "-", CELL);
        return;
    }
    while (value >= 9999.5 && i + 2 < sizeof(suffix)) {
        value /= 1000;
        i++;
    }
    g_snprintf(cell, CELL, i ? "%.1f%c" : "%.0f", value, suffix[i]);
}

static void short_bytes(char cell[static CELL], bool known, uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    double value = (double)bytes;
    size_t i = 0;
    if (!known) {
        g_strlcpy(cell, "-", CELL);
        return;
    }
    while (value >= 1024 && i + 1 < G_N_ELEMENTS(units)) {
        value /= 1024;
        i++;
    }
    g_snprintf(cell, CELL, i ? "%.1f %s" : "%.0f %s", value, units[i]);
}

static void percent(char cell[static CELL], bool known, double value)
{
    g_snprintf(cell, CELL, known ? "%.1f" : "-", value);
}

static void integer(char cell[static CELL], bool known, int64_t value)
{
    g_snprintf(cell, CELL, known ? "%" PRId64 : "-", value);
}

/* How long ago, from seconds since the epoch. */
static void age(char cell[static CELL], int64_t since, int64_t now_us)
{
    if (since <= 0) {
        g_strlcpy(cell, "-", CELL);
        return;
    }
    int64_t s = MAX(now_us / G_USEC_PER_SEC - since, 0);
    if (s < 86400) {
        g_snprintf(cell, CELL, "%02d:%02d:%02d", (int)(s / 3600), (int)(s / 60 % 60),
                   (int)(s % 60));
    } else {
        g_snprintf(cell, CELL, "%" PRId64 " days", s / 86400);
    }
}

/* Appends the name, escaped and cut, in the width of its column. */
static void add_name(const Printer *p, GString *line, const char *name)
{
    g_autoptr(GString) shown = g_string_new(NULL);
    print_escaped(shown, name, !p->utf8);
    while (print_width(shown->str) > NAME_COLUMNS) {
        const char *last = g_utf8_prev_char(shown->str + shown->len);
        g_string_truncate(shown, (gsize)(last - shown->str));
    }
    g_string_append(line, shown->str);
    for (size_t i = print_width(shown->str); i < NAME_COLUMNS; i++) {
        g_string_append_c(line, ' ');
    }
}

static char *thread_line(const Printer *p, const TopThread *t)
{
    char tid[CELL], cpu[CELL], loops[CELL], events[CELL], polled[CELL], slept[CELL], window[CELL],
        pool[CELL];
    GString *line = g_string_new(NULL);
    const bool *known = t->figure_known;
    bool rates = t->rates_known;
    bool pool_known = known[TOP_POOL_THREADS];

    /* Our threads have the id in their name. */
    bool both = t->id && *t->name && !strstr(t->name, t->id);
    g_autofree char *name = both ? g_strdup_printf("%s (%s)", t->name, t->id)
                                 : g_strdup(*t->name || !t->id ? t->name : t->id);
    add_name(p, line, name);
    integer(tid, true, t->tid);
    percent(cpu, rates && t->cpu_known, t->cpu_percent);
    short_number(loops, rates && known[TOP_LOOPS], t->rate[TOP_LOOPS]);
    short_number(events, rates && known[TOP_EVENTS], t->rate[TOP_EVENTS]);
    /* Time is counted when a sleep or a spin ends; a loop without a round is still in one. */
    bool moved = rates && t->rate[TOP_LOOPS] > 0;
    percent(polled, moved && known[TOP_POLLED_NS], t->rate[TOP_POLLED_NS] / 1e7);
    percent(slept, moved && known[TOP_SLEPT_NS], t->rate[TOP_SLEPT_NS] / 1e7);
    short_number(window, known[TOP_POLL_NS], (double)t->figure[TOP_POLL_NS]);
    short_number(pool, pool_known, (double)t->figure[TOP_POOL_THREADS]);
    g_string_append_printf(line, " %8s %6s %9s %9s %6s %6s %9s %5s", tid, cpu, loops, events,
                           polled, slept, window, pool);
    return g_string_free(line, FALSE);
}

static char *client_line(const Printer *p, const TopClient *c, int64_t now_us)
{
    char pid[CELL], uid[CELL], rate[CELL], commands[CELL], since[CELL];
    GString *line = g_string_new(NULL);

    add_name(p, line, c->monitor);
    integer(pid, c->peer_known, c->pid);
    integer(uid, c->peer_known, c->uid);
    short_number(rate, c->rate_known, c->rate);
    short_number(commands, true, (double)c->commands);
    age(since, c->since, now_us);
    g_string_append_printf(line, " %8s %6s %10s %9s %4s %10s", pid, uid, rate, commands,
                           c->oob ? "yes" : "no", since);
    return g_string_free(line, FALSE);
}

static char *memory_line(const Printer *p, const TopMemory *m)
{
    char size[CELL], resident[CELL], part[CELL];
    GString *line = g_string_new(NULL);

    add_name(p, line, m->id);
    short_bytes(size, true, m->size);
    short_bytes(resident, m->resident_known, m->resident);
    percent(part, m->resident_known && m->size > 0,
            m->size > 0 ? (double)m->resident * 100 / (double)m->size : 0);
    g_string_append_printf(line, " %12s %12s %6s", size, resident, part);
    return g_string_free(line, FALSE);
}

/* --- The whole ------------------------------------------------------------------------------- */

typedef struct Page {
    const Printer *p;
    size_t columns;
    GString *out;
} Page;

/* Adds a line, cut to the page's width. It is escaped already. */
static void add_line(const Page *page, PrintStyle style, const char *text)
{
    g_autoptr(GString) line = g_string_new(text);
    while (page->columns && print_width(line->str) > page->columns) {
        const char *last = g_utf8_prev_char(line->str + line->len);
        g_string_truncate(line, (gsize)(last - line->str));
    }
    print_styled(page->p, page->out, style, g_strchomp(line->str));
    g_string_append_c(page->out, '\n');
}

static void add_summary(const Page *page, const TopSample *s)
{
    char cpu[CELL], rss[CELL], pid[CELL];
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_local(s->wall_us / G_USEC_PER_SEC);
    g_autofree char *clock = time ? g_date_time_format(time, "%T") : g_strdup("-");

    integer(pid, s->pid != 0, s->pid);
    percent(cpu, s->pid != 0 && s->rates_known, s->cpu_percent);
    short_bytes(rss, s->pid != 0, s->rss_bytes);
    g_autoptr(GString) text = g_string_new(NULL);
    g_string_printf(text, "%s  process %s  CPU %s %%  resident %s  threads %u", clock, pid, cpu,
                    rss, s->threads->len);
    if (s->clients->len > 0) { /* one at least is told of, if any are: this one */
        g_string_append_printf(text, "  clients %u", s->clients->len);
    }
    add_line(page, PRINT_PLAIN, text->str);
}

static char *row(const Page *page, const TopSample *s, size_t section, guint i)
{
    switch (section) {
    case 0: return thread_line(page->p, &g_array_index(s->threads, TopThread, i));
    case 1: return client_line(page->p, &g_array_index(s->clients, TopClient, i), s->wall_us);
    default: return memory_line(page->p, &g_array_index(s->memory, TopMemory, i));
    }
}

/* Shares @rows among the sections, the last ones first but with no more than a quarter each. */
static void share_rows(size_t rows, guint shown[static SECTIONS])
{
    size_t frame = 1;
    for (size_t i = 0; i < SECTIONS; i++) {
        frame += shown[i] > 0 ? 2 : 0;
    }
    size_t left = rows > frame ? rows - frame : 0;
    for (size_t i = SECTIONS - 1; i > 0; i--) {
        shown[i] = (guint)MIN(shown[i], MAX(left / 4, 1));
        left -= MIN(left, shown[i]);
    }
    shown[0] = (guint)MIN(shown[0], left);
}

void top_write_text(const Printer *p, const TopSample *s, size_t columns, size_t rows, GString *out)
{
    static const char *const titles[SECTIONS] = {
        "THREAD                      TID   %CPU   LOOPS/s  EVENTS/s  %POLL %SLEEP   POLL-NS  POOL",
        "MONITOR                     PID    UID COMMANDS/s  COMMANDS  OOB  CONNECTED",
        "MEMORY                         SIZE     RESIDENT      %",
    };
    const Page page = {p, columns, out};
    guint shown[SECTIONS] = {s->threads->len, s->clients->len, s->memory->len};

    if (rows) {
        share_rows(rows, shown);
    }
    add_summary(&page, s);
    for (size_t section = 0; section < SECTIONS; section++) {
        if (shown[section] == 0) {
            continue;
        }
        g_string_append_c(out, '\n');
        add_line(&page, PRINT_FAINT, titles[section]);
        for (guint i = 0; i < shown[section]; i++) {
            g_autofree char *line = row(&page, s, section, i);
            add_line(&page, PRINT_PLAIN, line);
        }
    }
}

/* --- JSON ------------------------------------------------------------------------------------ */

static void write_double(JsonWriter *w, const char *key, double value)
{
    json_writer_key(w, key);
    json_writer_double(w, value);
}

static void write_uint64(JsonWriter *w, const char *key, uint64_t value)
{
    json_writer_key(w, key);
    json_writer_uint64(w, value);
}

static void write_int64(JsonWriter *w, const char *key, int64_t value)
{
    json_writer_key(w, key);
    json_writer_int64(w, value);
}

static void write_string(JsonWriter *w, const char *key, const char *value)
{
    json_writer_key(w, key);
    json_writer_string(w, value);
}

static void write_thread(JsonWriter *w, const TopThread *t)
{
    json_writer_begin_object(w);
    write_int64(w, "thread-id", t->tid);
    if (*t->name) {
        write_string(w, "name", t->name);
    }
    if (t->id) {
        write_string(w, "id", t->id);
    }
    if (t->cpu_known) {
        write_uint64(w, "cpu-ns", t->cpu_ns);
    }
    if (t->cpu_known && t->rates_known) {
        write_double(w, "cpu-percent", t->cpu_percent);
    }
    for (TopFigure f = 0; f < TOP_FIGURES; f++) {
        if (t->figure_known[f]) {
            write_uint64(w, top_figure_name(f), t->figure[f]);
        }
        if (f < TOP_COUNTERS && t->figure_known[f] && t->rates_known) {
            g_autofree char *key = g_strconcat(top_figure_name(f), "-per-second", NULL);
            write_double(w, key, t->rate[f]);
        }
    }
    json_writer_end_object(w);
}

static void write_client(JsonWriter *w, const TopClient *c)
{
    json_writer_begin_object(w);
    write_string(w, "monitor", c->monitor);
    if (c->peer_known) {
        write_int64(w, "pid", c->pid);
        write_int64(w, "uid", c->uid);
    }
    write_int64(w, "since", c->since);
    json_writer_key(w, "oob");
    json_writer_bool(w, c->oob);
    write_uint64(w, "commands", c->commands);
    if (c->rate_known) {
        write_double(w, "commands-per-second", c->rate);
    }
    json_writer_end_object(w);
}

static void write_memory(JsonWriter *w, const TopMemory *m)
{
    json_writer_begin_object(w);
    write_string(w, "id", m->id);
    write_uint64(w, "size", m->size);
    if (m->resident_known) {
        write_uint64(w, "resident", m->resident);
    }
    json_writer_end_object(w);
}

void top_write_json(JsonWriter *w, const TopSample *s)
{
    json_writer_begin_object(w);
    write_double(w, "time", (double)s->wall_us / 1e6);
    if (s->pid) {
        write_int64(w, "pid", s->pid);
        write_uint64(w, "resident", s->rss_bytes);
    }
    if (s->pid && s->rates_known) {
        write_double(w, "cpu-percent", s->cpu_percent);
    }
    json_writer_key(w, "threads");
    json_writer_begin_array(w);
    for (guint i = 0; i < s->threads->len; i++) {
        write_thread(w, &g_array_index(s->threads, TopThread, i));
    }
    json_writer_end_array(w);
    json_writer_key(w, "clients");
    json_writer_begin_array(w);
    for (guint i = 0; i < s->clients->len; i++) {
        write_client(w, &g_array_index(s->clients, TopClient, i));
    }
    json_writer_end_array(w);
    json_writer_key(w, "memory");
    json_writer_begin_array(w);
    for (guint i = 0; i < s->memory->len; i++) {
        write_memory(w, &g_array_index(s->memory, TopMemory, i));
    }
    json_writer_end_array(w);
    json_writer_end_object(w);
}
