/* SPDX-License-Identifier: BSD-3-Clause */
/* `qom call`: any command of the server. */
#include "client/client.h"
#include "client/command.h"

static int show_answer(Client *client, const char *command, const char *arguments)
{
    JsonTok value;
    QOM_AUTO_ERROR(err);
    JSON_AUTO_TAPE(tape);

    connection_send(client->connection, command, arguments);
    tape = connection_receive(client->connection, &value, &err);
    if (!tape) {
        return client_fail(client, NULL, g_steal_pointer(&err));
    }
    if (client_json(client)) {
        JSON_AUTO_WRITER(w);
        w = json_writer_new(false);
        json_writer_subtree(w, tape, value);
        print_json(w);
    } else {
        print_json_pretty(tape, value);
    }
    return CLIENT_OK;
}

int cmd_call(Client *client, char **operands, size_t n)
{
    const char *command = operands[0];
    g_autofree char *arguments = NULL;
    int status;

    if (n > 1 && operands[1][0] == '{') {
        if (!command_json(client, operands + 1, n - 1, &arguments)) {
            return CLIENT_USAGE;
        }
    }
    __attribute__((cleanup(arguments_freep))) Arguments *a = arguments_new();
    for (size_t i = 1; !arguments && i < n; i++) {
        QOM_AUTO_ERROR(err);
        if (!arguments_add(a, operands[i], &err)) {
            return client_usage_error(client, NULL, g_steal_pointer(&err));
        }
    }
    if (!client_connect(client, &status)) {
        return status;
    }
    if (!arguments && n > 1 && !command_arguments(client, command, a, &arguments, &status)) {
        return status;
    }
    return show_answer(client, command, arguments);
}
