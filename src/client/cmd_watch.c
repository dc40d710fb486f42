/* SPDX-License-Identifier: BSD-3-Clause */
/* `qom watch` by qomd-watch, and the reports of both ways; see watch.h. */
#include "client/watch.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* --- Reports --------------------------------------------------------------------------------- */

static void count_report(Watching *w)
{
    w->done = --w->left == 0;
}

static void begin_json(JsonWriter *out, const char *change)
{
    json_writer_begin_object(out);
    json_writer_key(out, "change");
    json_writer_string(out, change);
}

static void add_json(JsonWriter *out, const char *key, const char *text)
{
    json_writer_key(out, key);
    json_writer_string(out, text);
}

static void report_json(Watching *w, JsonWriter *out)
{
    json_writer_end_object(out);
    print_json(out);
    count_report(w);
}

static char *shown(const Watching *w, const char *text)
{
    GString *out = g_string_new(NULL);
    print_escaped(out, text, !w->client->printer.utf8);
    return g_string_free(out, FALSE);
}

void watch_changed(Watching *w, const char *path, const char *property, const JsonTape *tape,
                   JsonTok value)
{
    const Printer *p = &w->client->printer;
    if (w->done) {
        return;
    }
    if (client_json(w->client)) {
        JSON_AUTO_WRITER(out);
        out = json_writer_new(false);
        begin_json(out, "changed");
        add_json(out, "path", path);
        add_json(out, "property", property);
        if (tape) {
            json_writer_key(out, "value");
            json_writer_subtree(out, tape, value);
        }
        report_json(w, out);
        return;
    }
    g_autoptr(GString) line = g_string_new(NULL);
    g_autofree char *path_text = shown(w, path);
    g_autofree char *property_text = shown(w, property);
    g_autofree char *text = tape ? print_value(p, tape, value) : g_strdup("(can not be read)");
    g_autofree char *tail = g_strconcat(".", property_text, NULL);
    print_styled(p, line, PRINT_FAINT, path_text);
    print_styled(p, line, PRINT_PLAIN, tail);
    g_string_append_printf(line, " = %s", text);
    puts(line->str);
    count_report(w);
}

void watch_added(Watching *w, const char *path, const char *type)
{
    if (w->done) {
        return;
    }
    if (client_json(w->client)) {
        JSON_AUTO_WRITER(out);
        out = json_writer_new(false);
        begin_json(out, "added");
        add_json(out, "path", path);
        add_json(out, "type", type);
        report_json(w, out);
        return;
    }
    g_autofree char *path_text = shown(w, path);
    g_autofree char *type_text = shown(w, type);
    g_autoptr(GString) line = g_string_new("+ ");
    print_styled(&w->client->printer, line, PRINT_CHILD, path_text);
    g_string_append(line, "  ");
    print_styled(&w->client->printer, line, PRINT_FAINT, type_text);
    puts(line->str);
    count_report(w);
}

void watch_removed(Watching *w, const char *path)
{
    if (w->done) {
        return;
    }
    if (client_json(w->client)) {
        JSON_AUTO_WRITER(out);
        out = json_writer_new(false);
        begin_json(out, "removed");
        add_json(out, "path", path);
        report_json(w, out);
    } else {
        g_autofree char *path_text = shown(w, path);
        printf("- %s\n", path_text);
        count_report(w);
    }
    w->done = w->done || !strcmp(path, w->path);
}

void watch_lost(Watching *w, int64_t n)
{
    if (w->done) {
        return;
    }
    if (client_json(w->client)) {
        JSON_AUTO_WRITER(out);
        out = json_writer_new(false);
        begin_json(out, "lost");
        json_writer_key(out, "count");
        json_writer_int64(out, n);
        report_json(w, out);
        return;
    }
    printf("! %" PRId64 " changes were not told\n", n);
    count_report(w);
}

/* --- From events ----------------------------------------------------------------------------- */

static void report_changes(Watching *w, const JsonTape *event, JsonTok data)
{
    JsonTok list = json_tape_find(event, data, "changes");
    JsonTok lost = json_tape_find(event, data, "lost");
    int64_t n;

    if (lost != JSON_NONE && json_tok_int64(event, lost, &n) == JSON_NUMBER_OK) {
        watch_lost(w, n);
    }
    if (list == JSON_NONE || json_tape_type(event, list) != JSON_ARRAY) {
        return;
    }
    for (JsonTok t = json_tape_first(event, list); t != JSON_NONE;
         t = json_tape_next(event, list, t)) {
        if (json_tape_type(event, t) == JSON_OBJECT) {
            JsonTok value = json_tape_find(event, t, "value");
            watch_changed(w, client_member(event, t, "path"), client_member(event, t, "property"),
                          value == JSON_NONE ? NULL : event, value);
        }
    }
}

static void handle_event(const JsonTape *event, void *opaque)
{
    Watching *w = opaque;
    const char *name = client_member(event, JSON_ROOT, "event");
    JsonTok data = json_tape_find(event, JSON_ROOT, "data");

    if (data == JSON_NONE || json_tape_type(event, data) != JSON_OBJECT) {
        return;
    }
    const char *path = client_member(event, data, "path");
    if (!strcmp(name, "QOMD_CHANGED")) {
        report_changes(w, event, data);
    } else if (!strcmp(name, "QOMD_ADDED")) {
        watch_added(w, path, client_member(event, data, "type"));
    } else if (!strcmp(name, "QOMD_REMOVED")) {
        watch_removed(w, path);
    }
}

static void send_watch(const Watching *w)
{
    JSON_AUTO_WRITER(out);
    out = json_writer_new(false);
    json_writer_begin_object(out);
    add_json(out, "path", w->path);
    if (w->property) {
        add_json(out, "property", w->property);
    }
    json_writer_key(out, "recurse");
    json_writer_bool(out, w->recurse);
    if (w->interval_ms >= 0) {
        json_writer_key(out, "interval-ms");
        json_writer_int64(out, w->interval_ms);
    }
    json_writer_end_object(out);
    connection_send(w->client->connection, "qomd-watch", json_writer_text(out, NULL));
}

/* The value that a single property has at first; changes come only later. */
static void report_present(Watching *w)
{
    JsonTok value = JSON_NONE;
    JSON_AUTO_TAPE(tape);

    connection_send_strings(w->client->connection, "qom-get", "path", w->path, "property",
                            w->property, NULL);
    tape = connection_receive(w->client->connection, &value, NULL);
    watch_changed(w, w->path, w->property, tape, value);
}

/* --- The command ----------------------------------------------------------------------------- */

/*
 * Finds out what the operands mean. One operand may be a path with dots in it, or PATH.PROPERTY:
 * what is the path of an object is taken as that. Partial paths become whole ones, as those in
 * events are, by way of the places where objects with a name of their own are.
 */
static bool find_object(Watching *w, char **operands, size_t n, QomError **errp)
{
    Connection *c = w->client->connection;
    char *path = NULL;
    char *property = NULL;
    JsonTok value;
    QOM_AUTO_ERROR(err);
    JSON_AUTO_TAPE(tape);

    connection_send_strings(c, "qom-list", "path", operands[0], NULL);
    tape = connection_receive(c, &value, &err);
    if (n == 1 && !tape && client_split(operands[0], &path, &property)) {
        w->path = path;
        w->property = property;
    } else {
        w->path = g_strdup(operands[0]);
        w->property = n > 1 ? g_strdup(operands[1]) : NULL;
    }
    if (connection_broken(c)) {
        return qom_error_propagate(errp, g_steal_pointer(&err));
    }
    char *whole = client_whole_path(w->client, w->path);
    g_free(w->path);
    w->path = whole;
    return true;
}

static int follow(Watching *w)
{
    JsonTok value;
    int status;
    QOM_AUTO_ERROR(err);
    JSON_AUTO_TAPE(tape);

    send_watch(w);
    connection_on_event(w->client->connection, handle_event, w);
    tape = connection_receive(w->client->connection, &value, &err);
    if (!tape && qom_error_class(err) == QOM_ERROR_COMMAND_NOT_FOUND &&
        !connection_broken(w->client->connection)) {
        return watch_poll(w);
    }
    if (!tape) {
        return client_fail(w->client, NULL, g_steal_pointer(&err));
    }
    if (w->property && !w->recurse) {
        report_present(w);
    }
    while (client_follow(w->client, CONNECTION_FOREVER, &w->done, &status)) {
    }
    return status;
}

int cmd_watch(Client *client, char **operands, size_t n)
{
    Watching w = {.client = client, .recurse = client->option[CLIENT_OPT_RECURSE] != NULL};
    double interval = -1;
    int status;
    QOM_AUTO_ERROR(err);

    if (!client_option_count(client, &w.left) ||
        !client_option_number(client, CLIENT_OPT_INTERVAL, UINT32_MAX, &interval)) {
        return CLIENT_USAGE;
    }
    w.interval_ms = (int64_t)interval;
    if (!client_connect(client, &status)) {
        return status;
    }
    status = find_object(&w, operands, n, &err) ? follow(&w)
                                                : client_fail(client, NULL, g_steal_pointer(&err));
    g_free(w.path);
    g_free(w.property);
    return status;
}
