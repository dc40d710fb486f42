/* SPDX-License-Identifier: BSD-3-Clause */
/* `qom add` and `qom del`: objects that users create. */
#include "client/client.h"
#include "client/command.h"

#include <stdio.h>
#include <string.h>

/* Adds `KEY=VALUE`, or a value whose key is @implied. */
static bool add_operand(Client *client, Arguments *a, const char *implied, const char *operand)
{
    QOM_AUTO_ERROR(err);
    if (implied && !strchr(operand, '=')) {
        arguments_set(a, implied, operand);
        return true;
    }
    if (!arguments_add(a, operand, &err)) {
        client_usage_error(client, NULL, g_steal_pointer(&err));
        return false;
    }
    return true;
}

static bool read_operands(Client *client, Arguments *a, char **operands, size_t n)
{
    static const char *const implied[] = {"qom-type", "id"};
    for (size_t i = 0; i < n; i++) {
        if (!add_operand(client, a, i < G_N_ELEMENTS(implied) ? implied[i] : NULL, operands[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(implied); i++) {
        if (!arguments_has(a, implied[i])) {
            client_usage(client, "the new object needs %s: usage: qom add %s",
                         i == 0 ? "a type" : "an id", client->command->usage);
            return false;
        }
    }
    return true;
}

/* Type and id are strings; with nothing else there is no need to ask for the schema. */
static bool make_arguments(Client *client, const Arguments *a, size_t n, char **arguments,
                           int *status)
{
    if (n > 2) {
        return command_arguments(client, "object-add", a, arguments, status);
    }
    JSON_AUTO_WRITER(w);
    w = json_writer_new(false);
    arguments_write_strings(a, w);
    *arguments = json_writer_steal(w, NULL);
    return true;
}

int cmd_add(Client *client, char **operands, size_t n)
{
    __attribute__((cleanup(arguments_freep))) Arguments *a = arguments_new();
    g_autofree char *arguments = NULL;
    int status;
    JsonTok value;
    QOM_AUTO_ERROR(err);
    JSON_AUTO_TAPE(tape);

    bool json = operands[0][0] == '{';
    if (json ? !command_json(client, operands, n, &arguments)
             : !read_operands(client, a, operands, n)) {
        return CLIENT_USAGE;
    }
    if (!client_connect(client, &status)) {
        return status;
    }
    if (!json && !make_arguments(client, a, n, &arguments, &status)) {
        return status;
    }
    connection_send(client->connection, "object-add", arguments);
    tape = connection_receive(client->connection, &value, &err);
    if (!tape) {
        return client_fail(client, NULL, g_steal_pointer(&err));
    }
    if (client_json(client)) {
        puts("{}");
    }
    return CLIENT_OK;
}

/* --- del ------------------------------------------------------------------------------------- */

/* Takes the answer about one object and adds the result to @w, for JSON. */
static int take_deletion(Client *client, const char *id, bool several, JsonWriter *w)
{
    JsonTok value;
    QOM_AUTO_ERROR(err);
    JSON_AUTO_TAPE(tape);

    tape = connection_receive(client->connection, &value, &err);
    json_writer_begin_object(w);
    json_writer_key(w, "id");
    json_writer_string(w, id);
    if (!tape) {
        json_writer_key(w, "error");
        client_write_error(w, err);
    }
    json_writer_end_object(w);
    return tape ? CLIENT_OK : client_fail(client, several ? id : NULL, g_steal_pointer(&err));
}

int cmd_del(Client *client, char **operands, size_t n)
{
    int status;
    JSON_AUTO_WRITER(w);

    if (!client_connect(client, &status)) {
        return status;
    }
    for (size_t i = 0; i < n; i++) {
        connection_send_strings(client->connection, "object-del", "id", operands[i], NULL);
    }
    status = CLIENT_OK;
    w = json_writer_new(false);
    json_writer_begin_array(w);
    for (size_t i = 0; i < n; i++) {
        int one = take_deletion(client, operands[i], n > 1, w);
        status = status == CLIENT_OK ? one : status;
        if (one == CLIENT_CONNECTION) {
            return one;
        }
    }
    json_writer_end_array(w);
    if (client_json(client)) {
        print_json(w);
    }
    return status;
}
