/* SPDX-License-Identifier: BSD-3-Clause */
/* `qom events`: what the server tells of its own accord. */
#include "client/client.h"

#include <stdio.h>
#include <string.h>

typedef struct Listening {
    const Client *client;
    char **patterns;
    size_t n_patterns; /* 0: all events */
    uint64_t left;     /* how many are still wanted */
    bool done;
} Listening;

/* Whether @name is one of those wanted; `*` and `?` in a pattern stand for any text and letter. */
static bool is_wanted(const Listening *l, const char *name)
{
    for (size_t i = 0; i < l->n_patterns; i++) {
        if (g_pattern_match_simple(l->patterns[i], name)) {
            return true;
        }
    }
    return l->n_patterns == 0;
}

/* The number that is the member @name of the event's timestamp, or -1. */
static int64_t timestamp_part(const JsonTape *event, const char *name)
{
    JsonTok stamp = json_tape_find(event, JSON_ROOT, "timestamp");
    int64_t value;
    if (stamp == JSON_NONE || json_tape_type(event, stamp) != JSON_OBJECT) {
        return -1;
    }
    JsonTok tok = json_tape_find(event, stamp, name);
    return tok != JSON_NONE && json_tok_int64(event, tok, &value) == JSON_NUMBER_OK ? value : -1;
}

/* The event's time as this place's clock shows it; NULL: it has none. */
static char *format_time(const JsonTape *event)
{
    int64_t seconds = timestamp_part(event, "seconds");
    int64_t us = timestamp_part(event, "microseconds");
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_local(seconds);

    if (seconds < 0 || us < 0 || us > 999999 || !time) {
        return NULL;
    }
    g_autofree char *text = g_date_time_format(time, "%F %T");
    return g_strdup_printf("%s.%06d", text, (int)us);
}

char *client_event_text(const Client *client, const JsonTape *event)
{
    const Printer *p = &client->printer;
    g_autoptr(GString) shown = g_string_new(NULL);
    g_autofree char *time = format_time(event);
    JsonTok data = json_tape_find(event, JSON_ROOT, "data");

    if (client_json(client)) {
        return json_tape_copy_subtree(event, JSON_ROOT, NULL);
    }
    GString *line = g_string_new(NULL);
    print_escaped(shown, client_member(event, JSON_ROOT, "event"), !p->utf8);
    print_styled(p, line, PRINT_FAINT, time ? time : "-");
    g_string_append(line, "  ");
    print_styled(p, line, PRINT_CHILD, shown->str);
    if (data != JSON_NONE) {
        g_autofree char *text = json_tape_copy_subtree(event, data, NULL);
        g_string_append_printf(line, "  %s", text);
    }
    return g_string_free(line, FALSE);
}

static void handle_event(const JsonTape *event, void *opaque)
{
    Listening *l = opaque;
    const char *name = client_member(event, JSON_ROOT, "event");

    if (l->done || !is_wanted(l, name)) {
        return;
    }
    g_autofree char *text = client_event_text(l->client, event);
    puts(text);
    l->done = --l->left == 0;
}

int cmd_events(Client *client, char **operands, size_t n)
{
    Listening l = {.client = client, .patterns = operands, .n_patterns = n};
    int status;

    if (!client_option_count(client, &l.left)) {
        return CLIENT_USAGE;
    }
    if (!client_connect(client, &status)) {
        return status;
    }
    connection_on_event(client->connection, handle_event, &l);
    while (client_follow(client, CONNECTION_FOREVER, &l.done, &status)) {
    }
    return status;
}
