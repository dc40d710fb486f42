/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Changes found by asking again and again, for servers without qomd-watch; see watch.h. Each round
 * is a snapshot; it is compared with the one before by name, objects in the order of the tree.
 */
#include "client/snapshot.h"
#include "client/watch.h"

#include <string.h>

enum { INTERVAL_MS = 1000 };

/* One round. */
typedef struct Round {
    Snapshot *snapshot;
    GHashTable *types;  /* the path of each object but the first -> its type */
    GHashTable *values; /* `path\nproperty` -> Property */
    GPtrArray *paths;   /* the keys of @types, parents before children */
} Round;

static void round_free(Round *r)
{
    if (r) {
        snapshot_free(r->snapshot);
        g_hash_table_unref(r->types);
        g_hash_table_unref(r->values);
        g_ptr_array_unref(r->paths);
        g_free(r);
    }
}

static void add_object(Round *r, const char *path, const char *type)
{
    char *key = g_strdup(path);
    if (g_hash_table_insert(r->types, key, g_strdup(type))) {
        g_ptr_array_add(r->paths, key);
    }
}

static char *value_key(const Object *o, const Property *p)
{
    return g_strconcat(o->path, "\n", p->name, NULL);
}

/* Notes what @o has. Children come from the snapshot, or, where that ends, from properties. */
static void note_object(Round *r, const Watching *w, const Object *o)
{
    for (guint i = 0; i < o->properties->len; i++) {
        Property *p = &g_array_index(o->properties, Property, i);
        if (!property_is_child(p->type)) {
            g_hash_table_insert(r->values, value_key(o, p), p);
        } else if (!w->recurse) {
            g_autofree char *path =
                g_strconcat(o->path, g_str_has_suffix(o->path, "/") ? "" : "/", p->name, NULL);
            g_autofree char *type =
                g_strndup(p->type + strlen("child<"), strcspn(p->type + strlen("child<"), ">"));
            add_object(r, path, type);
        }
    }
    for (guint i = 0; i < o->children->len; i++) {
        const Object *child = o->children->pdata[i];
        add_object(r, child->path, child->type);
        note_object(r, w, child);
    }
}

static Round *round_new(const Watching *w, QomError **errp)
{
    SnapshotHow how = {w->recurse ? SNAPSHOT_DEPTH_MAX : 0, true};
    Snapshot *snapshot = snapshot_read(w->client->connection, w->path, &how, errp);
    if (!snapshot) {
        return NULL;
    }
    Round *r = g_new0(Round, 1);
    r->snapshot = snapshot;
    r->types = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    r->values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    r->paths = g_ptr_array_new();
    note_object(r, w, snapshot->root);
    return r;
}

static bool equal_values(const Property *a, const Property *b)
{
    if (!a->tape || !b->tape) {
        return a->tape == b->tape;
    }
    g_autofree char *before = json_tape_copy_subtree(a->tape, a->value, NULL);
    g_autofree char *now = json_tape_copy_subtree(b->tape, b->value, NULL);
    return !strcmp(before, now);
}

/* Whether a value can not be read any more. */
static bool has_lost_value(const Round *before, const Round *now)
{
    GHashTableIter iter;
    gpointer key;
    gpointer value;

    g_hash_table_iter_init(&iter, now->values);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        const Property *old = g_hash_table_lookup(before->values, key);
        if (old && old->tape && !((const Property *)value)->tape) {
            return true;
        }
    }
    return false;
}

/* The round after @before. An object may go while it is read, so that its values can not be read
 * but it seems to be there: then once more. */
static Round *next_round(const Watching *w, const Round *before, QomError **errp)
{
    Round *now = round_new(w, errp);
    if (now && has_lost_value(before, now)) {
        round_free(now);
        now = round_new(w, errp);
    }
    return now;
}

/* What is new on @o, and below it; an object that has come says nothing of its properties. */
static void report_values(Watching *w, const Round *before, const Object *o)
{
    for (guint i = 0; i < o->properties->len; i++) {
        const Property *p = &g_array_index(o->properties, Property, i);
        g_autofree char *key = value_key(o, p);
        const Property *old = g_hash_table_lookup(before->values, key);
        bool wanted =
            !property_is_child(p->type) && (!w->property || !strcmp(w->property, p->name));
        if (wanted && !(old && equal_values(old, p))) {
            watch_changed(w, o->path, p->name, p->tape, p->value);
        }
    }
    for (guint i = 0; i < o->children->len; i++) {
        const Object *child = o->children->pdata[i];
        if (g_hash_table_contains(before->types, child->path)) {
            report_values(w, before, child);
        }
    }
}

static bool is_same_object(const Round *r, const char *path, const char *type)
{
    return !g_strcmp0(g_hash_table_lookup(r->types, path), type);
}

static void report_round(Watching *w, const Round *before, const Round *now)
{
    for (guint i = before->paths->len; !w->property && i-- > 0;) {
        const char *path = before->paths->pdata[i];
        if (!is_same_object(now, path, g_hash_table_lookup(before->types, path))) {
            watch_removed(w, path);
        }
    }
    for (guint i = 0; !w->property && i < now->paths->len; i++) {
        const char *path = now->paths->pdata[i];
        const char *type = g_hash_table_lookup(now->types, path);
        if (!is_same_object(before, path, type)) {
            watch_added(w, path, type);
        }
    }
    report_values(w, before, now->snapshot->root);
}

/* The object must have the property that is watched; all values of it are news. */
static bool begin(Watching *w, const Round *r, QomError **errp)
{
    const Object *o = r->snapshot->root;
    if (!w->property || w->recurse) {
        return true;
    }
    for (guint i = 0; i < o->properties->len; i++) {
        const Property *p = &g_array_index(o->properties, Property, i);
        if (!strcmp(p->name, w->property)) {
            watch_changed(w, o->path, p->name, p->tape, p->value);
            return true;
        }
    }
    return qom_error_set(errp, "Property '%s.%s' not found", o->type, w->property);
}

int watch_poll(Watching *w)
{
    int64_t interval_ms = w->interval_ms < 0 ? INTERVAL_MS : MAX(w->interval_ms, 1);
    int status;
    QOM_AUTO_ERROR(err);

    Round *before = round_new(w, &err);
    if (!before || !begin(w, before, &err)) {
        round_free(before);
        return client_fail(w->client, NULL, g_steal_pointer(&err));
    }
    int64_t due_us = g_get_monotonic_time() + interval_ms * 1000;
    while (client_follow(w->client, MAX(due_us - g_get_monotonic_time() + 999, 0) / 1000, &w->done,
                         &status)) {
        if (g_get_monotonic_time() < due_us) {
            continue; /* an event that nobody wants */
        }
        due_us = g_get_monotonic_time() + interval_ms * 1000;
        Round *now = next_round(w, before, &err);
        if (now) {
            report_round(w, before, now);
            round_free(before);
            before = now;
        } else if (qom_error_class(err) == QOM_ERROR_DEVICE_NOT_FOUND) {
            g_clear_pointer(&err, qom_error_free);
            watch_removed(w, w->path);
        } else {
            status = client_fail(w->client, NULL, g_steal_pointer(&err));
            break;
        }
    }
    round_free(before);
    return status;
}
