/* SPDX-License-Identifier: BSD-3-Clause */
/* See view.h. */
#include "client/view.h"

#include "docs-schema.h"

#include <string.h>

enum { LISTS_MAX = 8 }; /* of lists, in names */

static const ViewType nothing = {JSON_NONE, NULL};

/* Our side of a type only if it is of the same kind as the server's: versions differ. */
static ViewType pair(const Schema *live, SchemaType there, const QapiType *own)
{
    static const struct {
        const char *meta;
        QapiKind first, last;
    } kinds[] = {
        {"builtin", QAPI_KIND_STR, QAPI_KIND_SIZE},
        {"enum", QAPI_KIND_ENUM, QAPI_KIND_ENUM},
        {"array", QAPI_KIND_LIST, QAPI_KIND_LIST},
        {"object", QAPI_KIND_STRUCT, QAPI_KIND_UNION},
        {"alternate", QAPI_KIND_ALTERNATE, QAPI_KIND_ALTERNATE},
    };
    const char *meta = schema_meta(live, there);
    bool same = !live;
    for (size_t i = 0; own && i < G_N_ELEMENTS(kinds); i++) {
        same = same || (!strcmp(meta, kinds[i].meta) && own->kind >= kinds[i].first &&
                        own->kind <= kinds[i].last);
    }
    return (ViewType){there, same ? own : NULL};
}

static bool is_there(const Schema *live, ViewType type)
{
    return live ? type.live != JSON_NONE : type.own != NULL;
}

static ViewType element(const Schema *live, ViewType type)
{
    bool list = live ? schema_kind(live, type.live) == SCHEMA_LIST
                     : type.own && type.own->kind == QAPI_KIND_LIST;
    return list ? pair(live, schema_element(live, type.live), type.own ? type.own->element : NULL)
                : nothing;
}

/* --- Members --------------------------------------------------------------------------------- */

static void add_member(GArray *out, const Schema *live, const SchemaMember *there,
                       const QapiMember *own)
{
    ViewMember m = {.name = there ? there->name : own->name,
                    .type = pair(live, there ? there->type : JSON_NONE, own ? own->type : NULL),
                    .optional = there ? there->optional : own->optional,
                    .doc = own ? own->doc : NULL};
    g_array_append_val(out, m);
}

static void add_own_members(GArray *out, const QapiType *own)
{
    if (!own || (own->kind != QAPI_KIND_STRUCT && own->kind != QAPI_KIND_UNION)) {
        return;
    }
    add_own_members(out, own->base);
    for (uint32_t i = 0; i < own->n_members; i++) {
        add_member(out, NULL, NULL, &own->members[i]);
    }
}

static void add_members(GArray *out, const Schema *live, ViewType type)
{
    if (!live) {
        add_own_members(out, type.own);
        return;
    }
    if (!strcmp(schema_meta(live, type.live), "enum")) {
        return; /* since QEMU 6.2 an enum has members too: its values */
    }
    bool object =
        type.own && (type.own->kind == QAPI_KIND_STRUCT || type.own->kind == QAPI_KIND_UNION);
    g_autoptr(GArray) members = schema_members(live, type.live, NULL);
    for (guint i = 0; i < members->len; i++) {
        const SchemaMember *m = &g_array_index(members, SchemaMember, i);
        add_member(out, live, m, object ? qapi_find_member(type.own, m->name) : NULL);
    }
}

static const QapiBranch *find_branch(const QapiType *own, const char *name)
{
    for (uint32_t i = 0; own && i < own->n_branches; i++) {
        if (!strcmp(own->branches[i].name, name)) {
            return &own->branches[i];
        }
    }
    return NULL;
}

GArray *view_branches(const Schema *live, ViewType type)
{
    GArray *out = g_array_new(FALSE, FALSE, sizeof(ViewMember));
    if (!live) {
        for (uint32_t i = 0; type.own && i < type.own->n_branches; i++) {
            const QapiBranch *b = &type.own->branches[i];
            ViewMember m = {.name = b->name, .type = {JSON_NONE, b->type}};
            g_array_append_val(out, m);
        }
        return out;
    }
    g_autoptr(GArray) variants = schema_variants(live, type.live);
    for (guint i = 0; i < variants->len; i++) {
        const SchemaMember *v = &g_array_index(variants, SchemaMember, i);
        const QapiBranch *b = find_branch(type.own, v->name);
        ViewMember m = {.name = v->name, .type = pair(live, v->type, b ? b->type : NULL)};
        g_array_append_val(out, m);
    }
    return out;
}

GArray *view_members(const Schema *live, ViewType type, const char *tag)
{
    GArray *out = g_array_new(FALSE, FALSE, sizeof(ViewMember));
    add_members(out, live, type);
    g_autoptr(GArray) branches = view_branches(live, type);
    for (guint i = 0; tag && i < branches->len; i++) {
        const ViewMember *b = &g_array_index(branches, ViewMember, i);
        if (!strcmp(b->name, tag)) {
            add_members(out, live, b->type);
        }
    }
    return out;
}

GArray *view_values(const Schema *live, ViewType type)
{
    GArray *out = g_array_new(FALSE, FALSE, sizeof(ViewMember));
    bool known = type.own && type.own->kind == QAPI_KIND_ENUM;
    g_autoptr(GPtrArray) values = schema_values(live, type.live);

    for (guint i = 0; live && i < values->len; i++) {
        const char *name = values->pdata[i];
        int number = known ? qapi_enum_lookup(type.own, name, strlen(name)) : -1;
        ViewMember m = {.name = name,
                        .type = nothing,
                        .doc = number >= 0 ? type.own->values[number].doc : NULL};
        g_array_append_val(out, m);
    }
    for (uint32_t i = 0; !live && known && i < type.own->n_values; i++) {
        ViewMember m = {
            .name = type.own->values[i].name, .type = nothing, .doc = type.own->values[i].doc};
        g_array_append_val(out, m);
    }
    return out;
}

/* A type whose name is of use: not the arguments that stand inline in a command. */
static bool has_name(const QapiType *own)
{
    return own && !g_str_has_prefix(own->name, "q_obj_");
}

/* The name of what is no list. */
static const char *plain_name(const Schema *live, ViewType type)
{
    if (has_name(type.own)) {
        return type.own->name;
    }
    switch (schema_kind(live, type.live)) {
    case SCHEMA_STRING: return strcmp(schema_meta(live, type.live), "enum") ? "str" : "enum";
    case SCHEMA_BOOL: return "bool";
    case SCHEMA_INTEGER: return "int";
    case SCHEMA_NUMBER: return "number";
    case SCHEMA_NULL: return "null";
    case SCHEMA_LIST: return "list";
    case SCHEMA_ALTERNATE: return "alternate";
    case SCHEMA_OBJECT: return "object";
    case SCHEMA_UNKNOWN: break;
    }
    return type.own ? "object" : "any";
}

char *view_type_name(const Schema *live, ViewType type)
{
    GString *name = g_string_new(NULL);
    int lists = 0;

    /* A server may tell of a list of itself. */
    for (ViewType inner; is_there(live, inner = element(live, type)) && lists < LISTS_MAX;
         lists++) {
        g_string_append_c(name, '[');
        type = inner;
    }
    g_string_append(name, plain_name(live, type));
    for (; lists > 0; lists--) {
        g_string_append_c(name, ']');
    }
    return g_string_free(name, FALSE);
}

/* --- Items ----------------------------------------------------------------------------------- */

static const QapiEvent *find_event(const char *name)
{
    for (uint32_t i = 0; i < docs_schema.n_events; i++) {
        if (!strcmp(docs_schema.events[i]->name, name)) {
            return docs_schema.events[i];
        }
    }
    return NULL;
}

static ViewItem command_item(const Schema *live, const char *name)
{
    const QapiCommand *own = qapi_find_command(&docs_schema, name, strlen(name));
    SchemaType entry = schema_find(live, name);
    return (ViewItem){
        .kind = VIEW_COMMAND,
        .name = name,
        .doc = own ? own->doc : NULL,
        .entry = entry,
        .type = pair(live, schema_part(live, entry, "arg-type"), own ? own->args : NULL),
        .returns = pair(live, schema_part(live, entry, "ret-type"), own ? own->ret : NULL)};
}

static ViewItem event_item(const Schema *live, const char *name)
{
    const QapiEvent *own = find_event(name);
    SchemaType entry = schema_find(live, name);
    return (ViewItem){.kind = VIEW_EVENT,
                      .name = name,
                      .doc = own ? own->doc : NULL,
                      .entry = entry,
                      .type =
                          pair(live, schema_part(live, entry, "arg-type"), own ? own->args : NULL),
                      .returns = nothing};
}

GArray *view_items(const Schema *live)
{
    GArray *out = g_array_new(FALSE, FALSE, sizeof(ViewItem));
    g_autoptr(GPtrArray) commands = schema_names(live, "command");
    g_autoptr(GPtrArray) events = schema_names(live, "event");

    for (uint32_t i = 0; !live && i < docs_schema.n_commands; i++) {
        g_ptr_array_add(commands, (gpointer)docs_schema.commands[i]->name);
    }
    for (uint32_t i = 0; !live && i < docs_schema.n_events; i++) {
        g_ptr_array_add(events, (gpointer)docs_schema.events[i]->name);
    }
    for (guint i = 0; i < commands->len; i++) {
        ViewItem item = command_item(live, commands->pdata[i]);
        g_array_append_val(out, item);
    }
    for (guint i = 0; i < events->len; i++) {
        ViewItem item = event_item(live, events->pdata[i]);
        g_array_append_val(out, item);
    }
    return out;
}

/* A walk over all types that are reached. */
typedef struct Reach {
    const Schema *live;
    GHashTable *seen; /* of QapiType: only those that we know have names */
    GArray *types;    /* of ViewItem */
} Reach;

/* As deep as our own schema is, which has circles, but no endless chains. */
static void reach_type(Reach *reach, ViewType type)
{
    if (!type.own || type.own->kind <= QAPI_KIND_SIZE) {
        return;
    }
    if (type.own->kind == QAPI_KIND_LIST) {
        reach_type(reach, element(reach->live, type));
        return;
    }
    if (!g_hash_table_add(reach->seen, (gpointer)type.own)) {
        return;
    }
    if (has_name(type.own)) {
        ViewItem item = {.kind = VIEW_TYPE,
                         .name = type.own->name,
                         .doc = type.own->doc,
                         .entry = type.live,
                         .type = type,
                         .returns = nothing};
        g_array_append_val(reach->types, item);
    }
    g_autoptr(GArray) members = view_members(reach->live, type, NULL);
    g_autoptr(GArray) branches = view_branches(reach->live, type);
    for (guint i = 0; i < members->len; i++) {
        reach_type(reach, g_array_index(members, ViewMember, i).type);
    }
    for (guint i = 0; i < branches->len; i++) {
        reach_type(reach, g_array_index(branches, ViewMember, i).type);
    }
}

static gint compare_items(gconstpointer a, gconstpointer b)
{
    return strcmp(((const ViewItem *)a)->name, ((const ViewItem *)b)->name);
}

/* What object-add takes, by type of object. */
static void add_object_types(GArray *out, const Schema *live)
{
    ViewItem add = command_item(live, "object-add");
    g_autoptr(GArray) members = view_members(live, add.type, NULL);
    for (guint i = 0; i < members->len; i++) {
        const ViewMember *m = &g_array_index(members, ViewMember, i);
        g_autoptr(GArray) values = view_values(live, m->type);
        for (guint k = 0; !strcmp(m->name, "qom-type") && k < values->len; k++) {
            const ViewMember *v = &g_array_index(values, ViewMember, k);
            ViewItem item = {.kind = VIEW_OBJECT_TYPE,
                             .name = v->name,
                             .doc = v->doc,
                             .entry = add.entry,
                             .type = add.type,
                             .returns = nothing,
                             .tag = v->name};
            g_array_append_val(out, item);
        }
    }
    g_array_sort(out, compare_items);
}

GArray *view_types(const Schema *live)
{
    GArray *out = g_array_new(FALSE, FALSE, sizeof(ViewItem));
    g_autoptr(GArray) items = view_items(live);
    Reach reach = {live, g_hash_table_new(NULL, NULL), g_array_new(FALSE, FALSE, sizeof(ViewItem))};

    add_object_types(out, live);
    for (guint i = 0; i < items->len; i++) {
        reach_type(&reach, g_array_index(items, ViewItem, i).type);
        reach_type(&reach, g_array_index(items, ViewItem, i).returns);
    }
    g_array_sort(reach.types, compare_items);
    if (reach.types->len > 0) {
        g_array_append_vals(out, reach.types->data, reach.types->len);
    }
    g_array_unref(reach.types);
    g_hash_table_unref(reach.seen);
    return out;
}

static bool find_in(const GArray *items, const char *name, ViewItem *item)
{
    for (guint i = 0; i < items->len; i++) {
        if (!strcmp(g_array_index(items, ViewItem, i).name, name)) {
            *item = g_array_index(items, ViewItem, i);
            return true;
        }
    }
    return false;
}

bool view_find(const Schema *live, const char *name, ViewItem *item)
{
    g_autoptr(GArray) items = view_items(live);
    if (find_in(items, name, item)) {
        return true;
    }
    g_autoptr(GArray) types = view_types(live);
    return find_in(types, name, item);
}

const char *view_kind_name(ViewKind kind)
{
    static const char *const names[] = {[VIEW_COMMAND] = "command",
                                        [VIEW_EVENT] = "event",
                                        [VIEW_OBJECT_TYPE] = "object type",
                                        [VIEW_TYPE] = "type"};
    return names[kind];
}
