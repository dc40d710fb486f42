/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Comparing; see plan.h. First each entry with what is there under its name. An object that is made
 * anew loses the links that lead to it: those of objects in the file are set again (or those
 * objects are made anew too, and so on); one that anything else uses stays, and the plan is
 * refused.
 */
#include "client/plan.h"

#include "client/equal.h"

#include <string.h>

static void change_free(gpointer data)
{
    Change *change = data;
    g_array_unref(change->differences);
    g_free(change->refused);
    g_free(change);
}

void plan_free(Plan *plan)
{
    if (plan) {
        g_ptr_array_unref(plan->changes);
        g_hash_table_unref(plan->objects);
        live_free(plan->live);
        g_free(plan);
    }
}

bool plan_is_secret(const char *type, const char *property)
{
    return !strcmp(type, "secret") && !strcmp(property, "data");
}

static Change *change_new(ChangeKind kind, const Entry *entry, const Object *object)
{
    Change *change = g_new0(Change, 1);
    change->kind = kind;
    change->entry = entry;
    change->object = object;
    if (entry) {
        change->what = entry->kind;
        change->id = entry->id;
        change->type = entry->type;
    }
    change->differences = g_array_new(FALSE, FALSE, sizeof(Difference));
    return change;
}

static void add_change(Plan *plan, Change *change)
{
    g_ptr_array_add(plan->changes, change);
    if (change->what == ENTRY_OBJECT) {
        g_hash_table_insert(plan->objects, (gpointer)change->id, change);
    }
}

/* --- One object ------------------------------------------------------------------------------ */

static bool equal_values(const Property *p, const JsonTape *tape, JsonTok wanted)
{
    if (property_is_link(p->type) && json_tape_type(tape, wanted) == JSON_STRING &&
        json_tape_type(p->tape, p->value) == JSON_STRING) {
        return equal_link(json_tok_text(tape, wanted, NULL),
                          json_tok_text(p->tape, p->value, NULL));
    }
    return equal_json(tape, wanted, p->tape, p->value);
}

static bool is_empty(const JsonTape *tape, JsonTok tok)
{
    JsonType type = json_tape_type(tape, tok);
    return type == JSON_NULL || (type == JSON_STRING && !*json_tok_text(tape, tok, NULL)) ||
           ((type == JSON_ARRAY || type == JSON_OBJECT) && json_tape_count(tape, tok) == 0);
}

/* What was given for the object @id, or NULL. */
static const Entry *find_given(const Plan *plan, const char *id)
{
    return plan->live->given ? g_hash_table_lookup(plan->live->given->objects, id) : NULL;
}

/* The value of a member of @entry is another one than that of the object. What can not be read is
 * taken to be right: a secret, for one, whose object is not among what was given. */
static bool differs(const Plan *plan, const Change *change, const char *name, JsonTok wanted)
{
    const Property *p = live_find(change->object, name);
    const Entry *given = find_given(plan, change->id);

    if (p && p->tape) {
        bool hidden =
            plan_is_secret(change->object->type, name) && !given && is_empty(p->tape, p->value);
        return !hidden && !equal_values(p, change->entry->tape, wanted);
    }
    JsonTok other = given ? json_tape_find(given->tape, given->data, name) : JSON_NONE;
    return other != JSON_NONE && !equal_json(change->entry->tape, wanted, given->tape, other);
}

static void add_difference(Change *change, const char *name, const JsonTape *to_tape, JsonTok to)
{
    const Property *p = change->object ? live_find(change->object, name) : NULL;
    Difference d = {name, p ? p->tape : NULL, p ? p->value : JSON_NONE, to_tape, to};
    g_array_append_val(change->differences, d);
}

/* Only qom-set can tell whether QEMU's properties can be set. */
static void add_settable(const Plan *plan, Change *change, const char *name, const JsonTape *tape,
                         JsonTok to)
{
    LiveProperty property = live_property(plan->live, change->object->type, name);
    add_difference(change, name, tape, to);
    if (!tape || (property.known && !property.live)) {
        change->kind = CHANGE_REPLACE;
    }
}

/* The members that the file has. */
static bool compare_wanted(const Plan *plan, Change *change, QomError **errp)
{
    const JsonTape *tape = change->entry->tape;
    JsonTok data = change->entry->data;

    for (JsonTok key = json_tape_first(tape, data); key != JSON_NONE;
         key = json_tape_next(tape, data, key)) {
        const char *name = json_tok_text(tape, key, NULL);
        JsonTok wanted = json_tape_value(tape, key);
        if (!strcmp(name, "qom-type") || !strcmp(name, "id")) {
            continue;
        }
        if (!live_find(change->object, name) &&
            !live_property(plan->live, change->object->type, name).known) {
            return qom_error_set(errp, "object '%s': type '%s' has no property '%s'", change->id,
                                 change->type, name);
        }
        if (differs(plan, change, name, wanted)) {
            add_settable(plan, change, name, tape, wanted);
        }
    }
    return true;
}

/* The members that were given, but that the file does not have: they are to have their defaults. */
static void compare_given(const Plan *plan, Change *change)
{
    const Entry *given = find_given(plan, change->id);
    if (!given) {
        return;
    }
    for (JsonTok key = json_tape_first(given->tape, given->data); key != JSON_NONE;
         key = json_tape_next(given->tape, given->data, key)) {
        const char *name = json_tok_text(given->tape, key, NULL);
        JsonTok value = json_tape_value(given->tape, key);
        if (json_tape_find(change->entry->tape, change->entry->data, name) != JSON_NONE) {
            continue;
        }
        LiveProperty property = live_property(plan->live, change->object->type, name);
        bool usual = property.fallback == JSON_NONE
                         ? is_empty(given->tape, value)
                         : equal_json(property.tape, property.fallback, given->tape, value);
        if (!usual) {
            add_settable(plan, change, name, property.fallback == JSON_NONE ? NULL : property.tape,
                         property.fallback);
        }
    }
}

/* NULL and no error: the object is as it shall be. */
static Change *compare_object(const Plan *plan, const Entry *entry, QomError **errp)
{
    const Object *object = g_hash_table_lookup(plan->live->objects, entry->id);
    if (!object) {
        return change_new(CHANGE_ADD, entry, NULL);
    }
    Change *change = change_new(CHANGE_SET, entry, object);
    if (strcmp(object->type, entry->type) != 0) {
        change->kind = CHANGE_REPLACE;
        Difference d = {"qom-type", NULL, JSON_NONE, entry->tape,
                        json_tape_find(entry->tape, entry->data, "qom-type")};
        const Property *p = live_find(object, "type");
        d.from_tape = p ? p->tape : NULL;
        d.from = p ? p->value : JSON_NONE;
        g_array_append_val(change->differences, d);
        return change;
    }
    bool fine = compare_wanted(plan, change, errp);
    if (fine) {
        compare_given(plan, change);
    }
    if (!fine || change->differences->len == 0) {
        g_clear_pointer(&change, change_free);
    }
    return change;
}

/* --- Others ---------------------------------------------------------------------------------- */

/* The servers that do not tell what was given do not tell either what a character device is. */
static Change *compare_chardev(const Plan *plan, const Entry *entry)
{
    if (!g_hash_table_contains(plan->live->chardevs, entry->id)) {
        return change_new(CHANGE_ADD, entry, NULL);
    }
    const Entry *given =
        plan->live->given ? g_hash_table_lookup(plan->live->given->chardevs, entry->id) : NULL;
    JsonTok now = given ? json_tape_find(given->tape, given->data, "backend") : JSON_NONE;
    JsonTok wanted = json_tape_find(entry->tape, entry->data, "backend");
    if (now == JSON_NONE || wanted == JSON_NONE ||
        equal_json(entry->tape, wanted, given->tape, now)) {
        return NULL;
    }
    Change *change = change_new(CHANGE_REPLACE, entry, NULL);
    Difference d = {"backend", given->tape, now, entry->tape, wanted};
    g_array_append_val(change->differences, d);
    change->refused = g_strdup("a character device is not replaced: its users would lose it; "
                               "change it with chardev-change or remove it first");
    return change;
}

static Change *compare_set(const Entry *entry, const Answer *now)
{
    JsonTok wanted = json_tape_find(entry->tape, entry->data, "value");
    if (now->tape) {
        bool texts = json_tape_type(entry->tape, wanted) == JSON_STRING &&
                     json_tape_type(now->tape, now->value) == JSON_STRING &&
                     json_tok_text(now->tape, now->value, NULL)[0] == '/';
        bool same = texts ? equal_link(json_tok_text(entry->tape, wanted, NULL),
                                       json_tok_text(now->tape, now->value, NULL))
                          : equal_json(entry->tape, wanted, now->tape, now->value);
        if (same) {
            return NULL;
        }
    }
    Change *change = change_new(CHANGE_SET, entry, NULL);
    Difference d = {entry->type, now->tape, now->value, entry->tape, wanted};
    g_array_append_val(change->differences, d);
    return change;
}

/* The present value for an entry; those were read in the order of the file. */
static const Answer *find_set(const Plan *plan, const Entry *entry)
{
    guint n = 0;
    for (guint i = 0; i < plan->wanted->entries->len; i++) {
        const Entry *other = &g_array_index(plan->wanted->entries, Entry, i);
        if (other == entry) {
            break;
        }
        n += other->kind == ENTRY_SET;
    }
    return &g_array_index(plan->live->sets, Answer, n);
}

static bool compare_all(Plan *plan, QomError **errp)
{
    g_autoptr(GPtrArray) order = config_order(plan->wanted);
    for (guint i = 0; i < order->len; i++) {
        const Entry *entry = order->pdata[i];
        QOM_AUTO_ERROR(err);
        Change *change = entry->kind == ENTRY_OBJECT    ? compare_object(plan, entry, &err)
                         : entry->kind == ENTRY_CHARDEV ? compare_chardev(plan, entry)
                                                        : compare_set(entry, find_set(plan, entry));
        if (err) {
            return qom_error_propagate(errp, g_steal_pointer(&err));
        }
        if (change) {
            add_change(plan, change);
        }
    }
    return true;
}

/* --- What else follows ----------------------------------------------------------------------- */

static const char *id_below_objects(const char *path)
{
    const char *id = g_str_has_prefix(path, "/objects/") ? path + strlen("/objects/") : NULL;
    return id && !strchr(id, '/') ? id : NULL;
}

static bool has_difference(const Change *change, const char *name)
{
    for (guint i = 0; i < change->differences->len; i++) {
        if (!strcmp(g_array_index(change->differences, Difference, i).name, name)) {
            return true;
        }
    }
    return false;
}

/* The object @id has a link to one that goes. If the file wants the link, it is set again. False:
 * the file says nothing of it, so the object would be harmed. */
static bool set_link_again(Plan *plan, const char *id, const char *name)
{
    const Entry *entry = g_hash_table_lookup(plan->wanted->objects, id);
    const Object *object = g_hash_table_lookup(plan->live->objects, id);
    const Property *p = object && name ? live_find(object, name) : NULL;
    JsonTok wanted = entry && p ? json_tape_find(entry->tape, entry->data, name) : JSON_NONE;

    if (wanted == JSON_NONE) {
        return false;
    }
    Change *change = g_hash_table_lookup(plan->objects, id);
    if (!change) {
        change = change_new(CHANGE_SET, entry, object);
        add_change(plan, change);
    }
    if (!has_difference(change, name)) {
        add_settable(plan, change, p->name, entry->tape, wanted);
    }
    return true;
}

/* Whether the plan does without what @user has of an object that goes. */
static bool is_free_of(Plan *plan, const Change *going, const LiveUser *user)
{
    const char *id = id_below_objects(user->path);
    const Change *change = id ? g_hash_table_lookup(plan->objects, id) : NULL;

    if (change && (change->kind == CHANGE_REPLACE || change->kind == CHANGE_DELETE)) {
        return true;
    }
    if (change && user->property && has_difference(change, user->property)) {
        return true;
    }
    return id && going->kind == CHANGE_REPLACE && set_link_again(plan, id, user->property);
}

static void check_change(Plan *plan, Connection *c, Change *change)
{
    g_autoptr(GArray) users = live_users(c, plan->live, change->id);
    for (guint i = 0; i < users->len && !change->refused; i++) {
        const LiveUser *user = &g_array_index(users, LiveUser, i);
        if (!is_free_of(plan, change, user)) {
            change->refused =
                g_strdup_printf("it is used by %s%s%s%s", user->path, user->property ? " (" : "",
                                user->property ? user->property : "", user->property ? ")" : "");
        }
    }
}

static bool goes(const Change *change)
{
    return change->what == ENTRY_OBJECT &&
           (change->kind == CHANGE_REPLACE || change->kind == CHANGE_DELETE);
}

/* Looks at who uses the objects that go; by that others may have to go too. */
static void check_users(Plan *plan, Connection *c)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
    for (bool again = true; again;) {
        again = false;
        for (guint i = 0; i < plan->changes->len; i++) {
            Change *change = plan->changes->pdata[i];
            if (goes(change) && g_hash_table_add(seen, change)) {
                check_change(plan, c, change);
                again = true;
            }
        }
    }
}

/* --- What is not in the file ----------------------------------------------------------------- */

/* The objects to delete, each before those that it refers to. */
typedef struct Pruning {
    Plan *plan;
    GHashTable *seen; /* of Object */
    GPtrArray *order; /* of Object, the other way round */
} Pruning;

enum { CHAIN_MAX = 1000 };

static void prune_object(Pruning *pruning, const Object *object, unsigned depth)
{
    if (!object || depth > CHAIN_MAX || !g_hash_table_add(pruning->seen, (gpointer)object)) {
        return;
    }
    for (guint i = 0; i < object->properties->len; i++) {
        const Property *p = &g_array_index(object->properties, Property, i);
        if (p->tape && !property_is_child(p->type) &&
            json_tape_type(p->tape, p->value) == JSON_STRING) {
            const char *text = json_tok_text(p->tape, p->value, NULL);
            const char *slash = strrchr(text, '/');
            prune_object(
                pruning,
                g_hash_table_lookup(pruning->plan->live->objects, slash ? slash + 1 : text),
                depth + 1);
        }
    }
    g_ptr_array_add(pruning->order, (gpointer)object);
}

static void add_deletion(Plan *plan, EntryKind what, const char *id, const char *type,
                         const Object *object, GHashTable *references)
{
    Change *change = change_new(CHANGE_DELETE, NULL, object);
    change->what = what;
    change->id = id;
    change->type = type;
    if (g_hash_table_contains(references, id)) {
        change->refused = g_strdup("the file refers to it, but does not have it");
    }
    add_change(plan, change);
}

static void add_deletions(Plan *plan)
{
    g_autoptr(GHashTable) references = config_references(plan->wanted);
    const GPtrArray *children = plan->live->snapshot ? plan->live->snapshot->root->children : NULL;
    Pruning pruning = {plan, g_hash_table_new(NULL, NULL), g_ptr_array_new()};

    for (guint i = 0; children && i < children->len; i++) {
        prune_object(&pruning, children->pdata[i], 0);
    }
    for (guint i = pruning.order->len; i-- > 0;) {
        const Object *object = pruning.order->pdata[i];
        const char *id = object_name(object);
        if (!g_hash_table_contains(plan->wanted->objects, id)) {
            add_deletion(plan, ENTRY_OBJECT, id, object->type, object, references);
        }
    }
    g_hash_table_unref(pruning.seen);
    g_ptr_array_unref(pruning.order);
    const GArray *given = plan->live->given ? plan->live->given->entries : NULL;
    for (guint i = given ? given->len : 0; i-- > 0;) {
        const Entry *entry = &g_array_index(given, Entry, i);
        if (entry->kind == ENTRY_CHARDEV &&
            !g_hash_table_contains(plan->wanted->chardevs, entry->id)) {
            add_deletion(plan, ENTRY_CHARDEV, entry->id, entry->type, NULL, references);
        }
    }
}

/* The place of a change among those of the file, whose entries @places numbers from 1 on; others,
 * the deletions, are behind them. */
static guint place_of(const Change *change, GHashTable *places)
{
    return GPOINTER_TO_UINT(g_hash_table_lookup(places, change->entry)) - 1;
}

static gint compare_places(gconstpointer a, gconstpointer b, gpointer places)
{
    guint x = place_of(*(const Change *const *)a, places);
    guint y = place_of(*(const Change *const *)b, places);
    return (x > y) - (x < y);
}

/* Puts the changes that check_users() has added where they belong. */
static void sort_changes(Plan *plan)
{
    g_autoptr(GPtrArray) order = config_order(plan->wanted);
    g_autoptr(GHashTable) places = g_hash_table_new(NULL, NULL);
    for (guint i = 0; i < order->len; i++) {
        g_hash_table_insert(places, order->pdata[i], GUINT_TO_POINTER(i + 1));
    }
    g_ptr_array_sort_with_data(plan->changes, compare_places, places);
}

Plan *plan_new(Connection *c, Live *live, const Config *wanted, bool prune, QomError **errp)
{
    Plan *plan = g_new0(Plan, 1);
    plan->wanted = wanted;
    plan->live = live;
    plan->changes = g_ptr_array_new_with_free_func(change_free);
    plan->objects = g_hash_table_new(g_str_hash, g_str_equal);
    if (!compare_all(plan, errp)) {
        plan_free(plan);
        return NULL;
    }
    if (prune) {
        add_deletions(plan);
    }
    check_users(plan, c);
    sort_changes(plan);
    return plan;
}
