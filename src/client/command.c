/* SPDX-License-Identifier: BSD-3-Clause */
/* See command.h. */
#include "client/command.h"

#include <string.h>

bool command_json(const Client *client, char **operands, size_t n, char **arguments)
{
    QOM_AUTO_ERROR(err);
    JSON_AUTO_TAPE(tape);

    if (n > 1) {
        client_usage(client, "nothing may follow the JSON object: '%s'", operands[1]);
        return false;
    }
    tape = json_parse_text(operands[0], strlen(operands[0]), &err);
    if (!tape) {
        client_usage_error(client, NULL, g_steal_pointer(&err));
        return false;
    }
    if (json_tape_type(tape, JSON_ROOT) != JSON_OBJECT) {
        client_usage(client, "expected a JSON object");
        return false;
    }
    *arguments = json_tape_copy_subtree(tape, JSON_ROOT, NULL);
    return true;
}

bool command_arguments(Client *client, const char *command, const Arguments *a, char **arguments,
                       int *status)
{
    QOM_AUTO_ERROR(err);
    JSON_AUTO_WRITER(w);

    const Schema *schema = client_schema(client, &err);
    if (err) {
        *status = client_fail(client, NULL, g_steal_pointer(&err));
        return false;
    }
    w = json_writer_new(false);
    if (!arguments_write(a, schema, schema_arguments(schema, command), w, &err)) {
        *status = client_usage_error(client, NULL, g_steal_pointer(&err));
        return false;
    }
    *arguments = json_writer_steal(w, NULL);
    return true;
}
