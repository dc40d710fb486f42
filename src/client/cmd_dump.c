/* SPDX-License-Identifier: BSD-3-Clause */
/* `qom dump`: what was set up, as a file for `qom apply`. What can not be told goes to stderr. */
#include "client/construct.h"
#include "client/plan.h"

#include <string.h>

static const char by_value[] = "it was given a secret by value";

static void warn_left_out(const Client *client, const char *what, const char *id, const char *why)
{
    client_warn(client, "%s '%s' is left out: %s", what, id, why);
}

/* A server that tells what was given, does so but for secrets. */
static void dump_given(const Client *client, const Live *live, JsonWriter *w)
{
    const GPtrArray *children = live->snapshot ? live->snapshot->root->children : NULL;

    json_writer_subtree(w, live->given->tape, live->given->list);
    for (guint i = 0; children && i < children->len; i++) {
        const Object *o = children->pdata[i];
        if (!g_hash_table_contains(live->given->objects, object_name(o))) {
            warn_left_out(client, "object", object_name(o), by_value);
        }
    }
}

/* As ours, no server's dump has the bytes of a secret. */
static bool holds_secret(const Object *o)
{
    for (guint i = 0; i < o->properties->len; i++) {
        const Property *p = &g_array_index(o->properties, Property, i);
        if (plan_is_secret(o->type, p->name) && p->tape &&
            json_tape_type(p->tape, p->value) == JSON_STRING &&
            *json_tok_text(p->tape, p->value, NULL)) {
            return true;
        }
    }
    return false;
}

/* Appends the arguments of object-add for @o, or says why it does not. */
static void construct(const Client *client, const Schema *schema, const Object *o, JsonWriter *list)
{
    const char *id = object_name(o);
    const char *missing;
    JsonWriterMark mark = json_writer_mark(list);

    if (holds_secret(o)) {
        warn_left_out(client, "object", id, by_value);
    } else if (!construct_object(schema, o, list, &missing)) {
        json_writer_rollback(list, mark);
        g_autofree char *why = g_strdup_printf("its '%s' is not known", missing);
        warn_left_out(client, "object", id, why);
    }
}

/* What object-add would have to be given for objects as they are now, in an order for making. */
static bool dump_constructed(Client *client, const Live *live, JsonWriter *w, QomError **errp)
{
    const GPtrArray *children = live->snapshot ? live->snapshot->root->children : NULL;
    const Schema *schema = client_schema(client, errp);
    JSON_AUTO_WRITER(list);
    __attribute__((cleanup(config_freep))) Config *config = NULL;

    if (!schema) {
        return *errp ? false
                     : qom_error_set(errp, "the server does not tell what object-add takes");
    }
    list = json_writer_new(false);
    json_writer_begin_array(list);
    for (guint i = 0; children && i < children->len; i++) {
        construct(client, schema, children->pdata[i], list);
    }
    json_writer_end_array(list);
    size_t len;
    const char *text = json_writer_text(list, &len);
    JsonTape *tape = json_parse_text(text, len, errp);
    config = tape ? config_new(tape, JSON_ROOT, errp) : NULL;
    if (!config) {
        return false;
    }
    g_autoptr(GPtrArray) order = config_order(config);
    json_writer_begin_array(w);
    for (guint i = 0; i < order->len; i++) {
        const Entry *entry = order->pdata[i];
        json_writer_subtree(w, entry->tape, entry->data);
    }
    json_writer_end_array(w);
    GHashTableIter iter;
    gpointer label;
    g_hash_table_iter_init(&iter, live->chardevs);
    while (g_hash_table_iter_next(&iter, &label, NULL)) {
        warn_left_out(client, "character device", label, "the server does not tell what it is");
    }
    return true;
}

int cmd_dump(Client *client, char **operands, size_t n)
{
    int status;
    QOM_AUTO_ERROR(err);
    JSON_AUTO_WRITER(w);
    __attribute__((cleanup(live_freep))) Live *live = NULL;

    if (!client_connect(client, &status)) {
        return status;
    }
    live = live_read(client->connection, NULL, &err);
    if (!live) {
        return client_fail(client, NULL, g_steal_pointer(&err));
    }
    w = json_writer_new(false);
    if (live->given) {
        dump_given(client, live, w);
    } else if (!dump_constructed(client, live, w, &err)) {
        return client_fail(client, NULL, g_steal_pointer(&err));
    }
    if (client_json(client)) {
        print_json(w);
        return CLIENT_OK;
    }
    size_t len;
    const char *text = json_writer_text(w, &len);
    JSON_AUTO_TAPE(tape);
    tape = json_parse_text(text, len, &err);
    if (!tape) {
        return client_fail(client, NULL, g_steal_pointer(&err));
    }
    print_json_pretty(tape, JSON_ROOT);
    return CLIENT_OK;
}
