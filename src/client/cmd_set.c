/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `qom set`: the text becomes a value of the property's type. One round trip asks for the types
 * (qom-list) and the present value, which tells a list of integers from an integer; the second one
 * sets.
 */
#include "client/client.h"
#include "client/values.h"

#include <stdio.h>
#include <string.h>

/* The type of the property @name in the answer to qom-list; NULL: there is none. */
static const char *find_type(const JsonTape *tape, JsonTok list, const char *name)
{
    if (json_tape_type(tape, list) != JSON_ARRAY) {
        return NULL;
    }
    for (JsonTok t = json_tape_first(tape, list); t != JSON_NONE;
         t = json_tape_next(tape, list, t)) {
        if (!strcmp(client_member(tape, t, "name"), name)) {
            return client_member(tape, t, "type");
        }
    }
    return NULL;
}

/* Finds the kind of value that the property takes. A property that is not there is left to the
 * server to refuse. */
static bool find_kind(Client *client, const char *path, const char *property, ValueKind *kind,
                      QomError **errp)
{
    Connection *c = client->connection;
    JsonTok list;
    JsonTok value;
    QOM_AUTO_ERROR(list_error);
    QOM_AUTO_ERROR(value_error);
    JSON_AUTO_TAPE(list_tape);
    JSON_AUTO_TAPE(value_tape);

    connection_send_strings(c, "qom-list", "path", path, NULL);
    connection_send_strings(c, "qom-get", "path", path, "property", property, NULL);
    list_tape = connection_receive(c, &list, &list_error);
    value_tape = connection_receive(c, &value, &value_error);
    if (!list_tape) {
        return qom_error_propagate(errp, g_steal_pointer(&list_error));
    }
    if (!value_tape && connection_broken(c)) {
        return qom_error_propagate(errp, g_steal_pointer(&value_error));
    }
    const char *type = find_type(list_tape, list, property);
    *kind = type ? value_kind(type, value_tape, value) : VALUE_ANY;
    return true;
}

static int set_value(Client *client, const char *path, const char *property, const char *text)
{
    ValueKind kind = VALUE_ANY;
    JsonTok value;
    QOM_AUTO_ERROR(err);
    JSON_AUTO_TAPE(tape);
    JSON_AUTO_WRITER(w);

    if (!find_kind(client, path, property, &kind, &err)) {
        return client_fail(client, NULL, g_steal_pointer(&err));
    }
    w = json_writer_new(false);
    value_begin(w, path, property);
    json_writer_key(w, "value");
    if (!value_write(w, kind, text, &err)) {
        return client_usage_error(client, property, g_steal_pointer(&err));
    }
    json_writer_end_object(w);
    connection_send(client->connection, "qom-set", json_writer_text(w, NULL));
    tape = connection_receive(client->connection, &value, &err);
    if (!tape) {
        return client_fail(client, NULL, g_steal_pointer(&err));
    }
    if (client_json(client)) {
        json_writer_reset(w);
        json_writer_subtree(w, tape, value);
        print_json(w);
    }
    return CLIENT_OK;
}

int cmd_set(Client *client, char **operands, size_t n)
{
    g_autofree char *path = NULL;
    g_autofree char *property = NULL;
    int status;

    if (n == 3) {
        path = g_strdup(operands[0]);
        property = g_strdup(operands[1]);
    } else if (!client_split(operands[0], &path, &property)) {
        return client_usage(client, "'%s' is no PATH.PROPERTY", operands[0]);
    }
    if (!client_connect(client, &status)) {
        return status;
    }
    return set_value(client, path, property, operands[n - 1]);
}
