/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See construct.h. Such servers do not tell what was given and what is a default. The defaults in
 * our own schema help for the types that we have; a zero whose default nobody knows is taken for
 * one.
 */
#include "client/construct.h"

#include "client/equal.h"
#include "client/live.h"

#include "qapi-qom.h"

#include <string.h>

/* Our own schema's struct for the type of object called @name; NULL: we have no such type. */
static const QapiType *find_options(const char *name)
{
    const QapiType *options = &qapi_type_ObjectOptions;
    for (uint32_t i = 0; i < options->n_branches; i++) {
        if (!strcmp(options->branches[i].name, name)) {
            return options->branches[i].type;
        }
    }
    return NULL;
}

static bool is_default(const Object *o, const Property *p)
{
    const QapiType *options = find_options(o->type);
    const QapiMember *member = options ? qapi_find_member(options, p->name) : NULL;
    JSON_AUTO_TAPE(tape);

    if (!member || !member->default_json) {
        int64_t number;
        return json_tok_int64(p->tape, p->value, &number) == JSON_NUMBER_OK && number == 0;
    }
    tape = json_parse_text(member->default_json, strlen(member->default_json), NULL);
    return tape && equal_json(tape, JSON_ROOT, p->tape, p->value);
}

static bool is_empty(const JsonTape *tape, JsonTok tok)
{
    switch (json_tape_type(tape, tok)) {
    case JSON_NULL: return true;
    case JSON_STRING: return !*json_tok_text(tape, tok, NULL);
    case JSON_ARRAY:
    case JSON_OBJECT: return json_tape_count(tape, tok) == 0;
    default: return false;
    }
}

/* Whether a feature advises against the member; QEMU marks so what only its own tests want. */
static bool is_discouraged(const Schema *schema, const SchemaMember *member)
{
    g_autoptr(GPtrArray) features = schema_features(schema, member->entry);
    for (guint i = 0; i < features->len; i++) {
        if (!strcmp(features->pdata[i], "deprecated") || !strcmp(features->pdata[i], "unstable")) {
            return true;
        }
    }
    return false;
}

/* A secret has its bytes from one of two members, neither of which is mandatory. */
static bool has_source(const Object *o)
{
    static const char *const sources[] = {"data", "file"};
    for (size_t i = 0; i < G_N_ELEMENTS(sources); i++) {
        const Property *p = live_find(o, sources[i]);
        if (p && p->tape && !is_empty(p->tape, p->value)) {
            return true;
        }
    }
    return strcmp(o->type, "secret") != 0;
}

bool construct_object(const Schema *schema, const Object *o, JsonWriter *w, const char **missing)
{
    SchemaType arguments = schema_arguments(schema, "object-add");
    g_autoptr(GArray) members = schema_members(schema, arguments, o->type);

    *missing = has_source(o) ? NULL : "data";
    json_writer_begin_object(w);
    json_writer_key(w, "qom-type");
    json_writer_string(w, o->type);
    json_writer_key(w, "id");
    json_writer_string(w, object_name(o));
    for (guint i = 0; i < members->len; i++) {
        const SchemaMember *member = &g_array_index(members, SchemaMember, i);
        if (!strcmp(member->name, "qom-type") || !strcmp(member->name, "id")) {
            continue;
        }
        const Property *p = live_find(o, member->name);
        bool told = p && p->tape && !is_empty(p->tape, p->value);
        if (told && !(member->optional && (is_default(o, p) || is_discouraged(schema, member)))) {
            json_writer_key(w, member->name);
            json_writer_subtree(w, p->tape, p->value);
        } else if (!told && !member->optional) {
            *missing = member->name;
        }
    }
    json_writer_end_object(w);
    return *missing == NULL;
}
