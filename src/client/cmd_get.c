/* SPDX-License-Identifier: BSD-3-Clause */
/* `qom get`: values of properties, all in one round trip. */
#include "client/client.h"
#include "client/values.h"

#include <stdio.h>
#include <string.h>

typedef struct Wanted {
    char *path, *property;
} Wanted;

static void wanted_clear(gpointer data)
{
    Wanted *w = data;
    g_free(w->path);
    g_free(w->property);
}

static void add_wanted(GArray *list, const char *path, const char *property)
{
    Wanted w = {g_strdup(path), g_strdup(property)};
    g_array_append_val(list, w);
}

/* Two operands are a path and a property unless both have a dot; see qom(1). */
static bool is_pair(char **operands, size_t n)
{
    return n == 2 && !(strchr(operands[0], '.') && strchr(operands[1], '.'));
}

static bool find_wanted(Client *client, char **operands, size_t n, GArray *list)
{
    const char *path = client->option[CLIENT_OPT_PATH];
    if (!path && is_pair(operands, n)) {
        add_wanted(list, operands[0], operands[1]);
        return true;
    }
    for (size_t i = 0; i < n; i++) {
        Wanted w;
        if (path) {
            add_wanted(list, path, operands[i]);
        } else if (client_split(operands[i], &w.path, &w.property)) {
            g_array_append_val(list, w);
        } else {
            client_usage(client, "'%s' is no PATH.PROPERTY", operands[i]);
            return false;
        }
    }
    return true;
}

/* One result among several: {path, property, value or error}. */
static void write_result(JsonWriter *w, const Wanted *wanted, const JsonTape *tape, JsonTok value,
                         const QomError *err)
{
    value_begin(w, wanted->path, wanted->property);
    json_writer_key(w, tape ? "value" : "error");
    if (tape) {
        json_writer_subtree(w, tape, value);
    } else {
        client_write_error(w, err);
    }
    json_writer_end_object(w);
}

/* Takes the answer to one request; @w, for JSON, gets the result. */
static int take_answer(Client *client, const Wanted *wanted, bool several, JsonWriter *w)
{
    JsonTok value;
    QOM_AUTO_ERROR(err);
    JSON_AUTO_TAPE(tape);

    tape = connection_receive(client->connection, &value, &err);
    if (client_json(client) && several) {
        write_result(w, wanted, tape, value, err);
    } else if (client_json(client) && tape) {
        json_writer_subtree(w, tape, value);
    } else if (tape) {
        g_autofree char *text = print_value_exact(&client->printer, tape, value);
        puts(text);
    }
    if (tape) {
        return CLIENT_OK;
    }
    g_autofree char *context = g_strdup_printf("%s.%s", wanted->path, wanted->property);
    return client_fail(client, several ? context : NULL, g_steal_pointer(&err));
}

static int show_all(Client *client, GArray *list)
{
    bool several = list->len > 1;
    int status = CLIENT_OK;
    JSON_AUTO_WRITER(w);

    w = json_writer_new(false);
    if (several) {
        json_writer_begin_array(w);
    }
    for (guint i = 0; i < list->len; i++) {
        int one = take_answer(client, &g_array_index(list, Wanted, i), several, w);
        status = status == CLIENT_OK ? one : status;
        if (one == CLIENT_CONNECTION) {
            return one;
        }
    }
    if (several) {
        json_writer_end_array(w);
    }
    if (client_json(client) && (several || status == CLIENT_OK)) {
        print_json(w);
    }
    return status;
}

int cmd_get(Client *client, char **operands, size_t n)
{
    g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(Wanted));
    int status;

    g_array_set_clear_func(list, wanted_clear);
    if (!find_wanted(client, operands, n, list)) {
        return CLIENT_USAGE;
    }
    if (!client_connect(client, &status)) {
        return status;
    }
    for (guint i = 0; i < list->len; i++) {
        const Wanted *w = &g_array_index(list, Wanted, i);
        connection_send_strings(client->connection, "qom-get", "path", w->path, "property",
                                w->property, NULL);
    }
    return show_all(client, list);
}
