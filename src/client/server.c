/* SPDX-License-Identifier: BSD-3-Clause */
/* What the server has; see client.h. */
#include "client/client.h"

void client_disconnect(Client *client)
{
    g_clear_pointer(&client->connection, connection_close);
    g_clear_pointer(&client->schema, schema_free);
    g_clear_pointer(&client->present, g_hash_table_unref);
}

/* The names in the answer to query-commands. */
static GHashTable *read_commands(Connection *c)
{
    GHashTable *names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    JsonTok list;
    JSON_AUTO_TAPE(tape);

    connection_send(c, "query-commands", NULL);
    tape = connection_receive_list(c, &list, NULL);
    if (!tape) {
        return names;
    }
    for (JsonTok t = json_tape_first(tape, list); t != JSON_NONE;
         t = json_tape_next(tape, list, t)) {
        g_hash_table_add(names, g_strdup(client_member(tape, t, "name")));
    }
    return names;
}

bool client_has(Client *client, const char *command)
{
    if (!client->present) {
        client->present = read_commands(client->connection);
    }
    return g_hash_table_contains(client->present, command);
}

const Schema *client_schema(Client *client, QomError **errp)
{
    JsonTok list;
    QOM_AUTO_ERROR(err);

    if (client->schema) {
        return client->schema;
    }
    connection_send(client->connection, "query-qmp-schema", NULL);
    JsonTape *tape = connection_receive_list(client->connection, &list, &err);
    if (!tape) {
        if (connection_broken(client->connection)) {
            qom_error_propagate(errp, g_steal_pointer(&err));
        }
        return NULL;
    }
    client->schema = schema_new(tape, list);
    return client->schema;
}

/* Where objects with names of their own are; if one is there, a partial path that names any object
 * at all names it. */
static const char *const folders[] = {"/objects/", "/chardevs/", "/machine/peripheral/"};

/* Takes the answer to one of the questions below; NULL: no. */
static JsonTape *take(Client *client, JsonTok *value)
{
    return connection_receive(client->connection, value, NULL);
}

char *client_whole_path(Client *client, const char *path)
{
    bool partial = path[0] != '/';
    char *found = NULL;
    JsonTok value;
    JSON_AUTO_TAPE(tree);

    connection_send_tree_get(client->connection, path, 0, false);
    for (size_t i = 0; partial && i < G_N_ELEMENTS(folders); i++) {
        g_autofree char *candidate = g_strconcat(folders[i], path, NULL);
        connection_send_strings(client->connection, "qom-list", "path", candidate, NULL);
    }
    tree = take(client, &value);
    if (tree && client_member(tree, value, "path")[0] == '/') {
        found = g_strdup(client_member(tree, value, "path"));
    }
    for (size_t i = 0; partial && i < G_N_ELEMENTS(folders); i++) {
        JSON_AUTO_TAPE(list);
        list = take(client, &value);
        if (list && !found) {
            found = g_strconcat(folders[i], path, NULL);
        }
    }
    return found ? found : g_strdup(path);
}
