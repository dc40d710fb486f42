/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The form of definitions: from values to the model. What a definition says is checked only as far
 * as it can be seen without looking at any other definition.
 */
#include "qapic/form.h"
#include "qapic/names.h"

#include <string.h>

static const FormKeys value_keys = {{"name"}, {"if", "features"}};

/* Indexed by SchemaKind. */
static const FormKeys definition_keys[] = {
    [SCHEMA_ENUM] = {{"data"}, {"prefix", "if", "features"}},
    [SCHEMA_STRUCT] = {{"data"}, {"base", "if", "features"}},
    [SCHEMA_UNION] = {{"base", "discriminator", "data"}, {"if", "features"}},
    [SCHEMA_ALTERNATE] = {{"data"}, {"if", "features"}},
    [SCHEMA_COMMAND] = {{NULL},
                        {"data", "returns", "boxed", "gen", "success-response", "allow-oob",
                         "allow-preconfig", "coroutine", "if", "features"}},
    [SCHEMA_EVENT] = {{NULL}, {"data", "boxed", "if", "features"}},
};

static bool is_exception(GHashTable *set, const char *name)
{
    return g_hash_table_contains(set, name);
}

static NameRule member_rule(const Form *form)
{
    const SchemaPragmas *pragmas = &form->parse->schema->pragmas;
    return is_exception(pragmas->member_name_exceptions, form->def->name) ? NAME_MIXED : NAME_LOWER;
}

static void build_value(Form *form, const Value *written, SchemaValue *value)
{
    const Value *name = written;
    if (written->kind == VALUE_OBJECT) {
        if (!form_keys(form, written, "a value", &value_keys)) {
            return;
        }
        name = value_get(written, "name");
        value->cond = form_cond(form, written);
        value->features = form_features(form, written);
    }
    value->place = name->place;
    value->name = form_name_string(form, name, "value");
    if (value->name) {
        form_name(form, value->name, value->place, "value", member_rule(form), true);
    }
}

static void build_enum(Form *form, const Value *expression)
{
    SchemaDef *def = form->def;
    const Value *prefix = value_get(expression, "prefix");
    if (prefix && prefix->kind != VALUE_STRING) {
        form_error(form, prefix->place, DIAG_PREFIX_FORM, "the prefix is no string");
    } else if (prefix) {
        def->prefix = prefix->string;
    }
    const Value *data = value_get(expression, "data");
    if (data->kind != VALUE_LIST) {
        form_error(form, data->place, DIAG_DATA_FORM, "the data is no list of values");
        return;
    }
    def->values = arena_new0(form->parse->schema->arena, SchemaValue, data->count);
    for (const Value *v = data->first; v; v = v->next) {
        SchemaValue *value = &def->values[def->n_values];
        build_value(form, v, value);
        def->n_values += value->name ? 1 : 0;
    }
}

static void build_struct(Form *form, const Value *expression)
{
    const Value *data = value_get(expression, "data");
    if (data->kind == VALUE_OBJECT) {
        form_members(form, data, member_rule(form));
    } else {
        form_error(form, data->place, DIAG_TYPE_REF_FORM, "the data is no object of members");
    }
    const Value *base = value_get(expression, "base");
    if (base) {
        form->def->base = form_type(form, base, false, "the name of a struct as base");
    }
}

static void build_union(Form *form, const Value *expression)
{
    SchemaDef *def = form->def;
    const Value *base = value_get(expression, "base");
    if (base->kind == VALUE_OBJECT) {
        form_members(form, base, member_rule(form));
    } else {
        def->base = form_type(form, base, false, "the name of a struct, or members, as base");
    }
    const Value *tag = value_get(expression, "discriminator");
    def->discriminator = form_name_string(form, tag, "discriminator");
    def->discriminator_place = tag->place;
    const Value *data = value_get(expression, "data");
    if (data->kind == VALUE_OBJECT) {
        form_branches(form, data, false);
    } else {
        form_error(form, data->place, DIAG_DATA_FORM, "the data is no object of branches");
    }
}

static void build_alternate(Form *form, const Value *expression)
{
    const Value *data = value_get(expression, "data");
    if (data->kind != VALUE_OBJECT) {
        form_error(form, data->place, DIAG_DATA_FORM, "the data is no object of alternatives");
    } else if (!data->count) {
        form_error(form, data->place, DIAG_DATA_FORM, "an alternate needs an alternative");
    } else {
        form_branches(form, data, true);
    }
}

/* The data of a command or event. */
static void build_arguments(Form *form, const Value *expression)
{
    SchemaDef *def = form->def;
    const Value *data = value_get(expression, "data");
    const Value *boxed = value_get(expression, "boxed");
    def->boxed = boxed && boxed->kind == VALUE_BOOL && boxed->boolean;
    if (def->boxed && !data) {
        form_error(form, boxed->key_place, DIAG_BOXED_NO_DATA, "boxed needs data");
    } else if (def->boxed) {
        def->data = form_type(form, data, false, "the name of a type as boxed data");
    } else if (data && data->kind == VALUE_OBJECT) {
        form_members(form, data, NAME_LOWER);
    } else if (data) {
        def->data = form_type(form, data, false, "the name of a type, or members, as data");
    }
}

static bool take_flag(Form *form, const Value *expression, const char *key, bool allowed)
{
    const Value *value = value_get(expression, key);
    if (!value) {
        return !allowed;
    }
    if (value->kind != VALUE_BOOL || value->boolean != allowed) {
        form_error(form, value->place, DIAG_FLAG_VALUE, "'%s' may only be %s", key,
                   allowed ? "true" : "false");
        return !allowed;
    }
    return allowed;
}

static void take_flags(Form *form, const Value *expression)
{
    SchemaDef *def = form->def;
    take_flag(form, expression, "boxed", true);
    if (def->kind != SCHEMA_COMMAND) {
        return;
    }
    def->gen = take_flag(form, expression, "gen", false);
    def->success_response = take_flag(form, expression, "success-response", false);
    def->allow_oob = take_flag(form, expression, "allow-oob", true);
    def->allow_preconfig = take_flag(form, expression, "allow-preconfig", true);
    def->coroutine = take_flag(form, expression, "coroutine", true);
    if (def->allow_oob && def->coroutine) {
        form_error(form, value_get(expression, "coroutine")->key_place, DIAG_FLAG_CONFLICT,
                   "allow-oob and coroutine exclude each other");
    }
}

static void check_name(Form *form)
{
    SchemaDef *def = form->def;
    const SchemaPragmas *pragmas = &form->parse->schema->pragmas;
    NameRule rule = NAME_CAMEL;
    if (def->kind == SCHEMA_EVENT) {
        rule = NAME_UPPER;
    } else if (def->kind == SCHEMA_COMMAND) {
        rule = is_exception(pragmas->command_name_exceptions, def->name) ? NAME_LOWER_UNDERSCORE
                                                                         : NAME_LOWER;
    }
    if (form_name(form, def->name, def->name_place, schema_kind_name(def->kind), rule, false) &&
        rule == NAME_CAMEL && g_str_has_suffix(def->name, "List")) {
        form_error(form, def->name_place, DIAG_NAME_LIST,
                   "the name of a type must not end in 'List'");
    }
}

static const SchemaDocText *find_section(const SchemaDoc *doc, const char *name)
{
    for (unsigned i = 0; i < doc->sections.count; i++) {
        if (!g_strcmp0(doc->sections.list[i].name, name)) {
            return &doc->sections.list[i];
        }
    }
    return NULL;
}

static void check_sections(Form *form, const Value *expression, const SchemaDoc *doc)
{
    SchemaDef *def = form->def;
    Diag *diag = form->parse->diag;
    const SchemaDocText *returns = find_section(doc, "Returns");
    if (returns && def->kind != SCHEMA_COMMAND) {
        diag_error(diag, returns->place, DIAG_DOC_RETURNS,
                   "%s '%s' is no command, so it returns nothing", schema_kind_name(def->kind),
                   def->name);
    } else if (returns && !value_get(expression, "returns") && !form->parse->lax_docs) {
        diag_error(diag, returns->place, DIAG_DOC_RETURNS, "command '%s' returns nothing",
                   def->name);
    }
    const SchemaDocText *errors = find_section(doc, "Errors");
    if (errors && def->kind != SCHEMA_COMMAND) {
        diag_error(diag, errors->place, DIAG_DOC_ERRORS,
                   "%s '%s' is no command, so it has no errors", schema_kind_name(def->kind),
                   def->name);
    }
}

static void check_doc(Form *form, const Expression *expression)
{
    SchemaDef *def = form->def;
    SchemaDoc *doc = expression->doc;
    def->doc_broken = expression->doc_broken;
    if (doc && strcmp(doc->symbol, def->name) != 0) {
        def->doc_broken = true;
        diag_error_in(form->parse->diag, def->place, def->name_place, DIAG_DOC_WRONG_SYMBOL,
                      "%s '%s': its doc comment is for '%s'", schema_kind_name(def->kind),
                      def->name, doc->symbol);
        diag_note(form->parse->diag, doc->symbol_place, "the doc comment names it here");
    } else if (doc) {
        def->doc = doc;
        doc->def = def;
        check_sections(form, expression->value, doc);
    } else if (!def->doc_broken && form->parse->schema->pragmas.doc_required) {
        diag_error_in(form->parse->diag, def->place, def->name_place, DIAG_DOC_REQUIRED,
                      "%s '%s' has no doc comment", schema_kind_name(def->kind), def->name);
    }
}

static void build_body(Form *form, const Value *expression)
{
    SchemaDef *def = form->def;
    if (!form_keys(form, expression, "the definition", &definition_keys[def->kind])) {
        return;
    }
    switch (def->kind) {
    case SCHEMA_ENUM: build_enum(form, expression); break;
    case SCHEMA_STRUCT: build_struct(form, expression); break;
    case SCHEMA_UNION: build_union(form, expression); break;
    case SCHEMA_ALTERNATE: build_alternate(form, expression); break;
    case SCHEMA_COMMAND: {
        build_arguments(form, expression);
        const Value *returns = value_get(expression, "returns");
        if (returns) {
            def->returns = form_type(form, returns, true, "a type's name 'T' or ['T']");
        }
        break;
    }
    case SCHEMA_EVENT: build_arguments(form, expression); break;
    case SCHEMA_BUILTIN: g_assert_not_reached();
    }
    def->cond = form_cond(form, expression);
    def->features = form_features(form, expression);
    if (def->kind == SCHEMA_COMMAND || def->kind == SCHEMA_EVENT) {
        take_flags(form, expression);
    }
}

/* Finds the kind of the definition in @expression: its value of that key, or NULL (reported). */
static const Value *find_kind(Parse *parse, const Value *expression, SchemaKind *kind)
{
    static const char *const names[] = {"enum",    "struct", "union",   "alternate",
                                        "command", "event",  "include", "pragma"};
    const Value *found = NULL;
    for (const Value *v = expression->first; v; v = v->next) {
        for (SchemaKind k = SCHEMA_ENUM; k <= SCHEMA_EVENT; k++) {
            if (strcmp(v->key, schema_kind_name(k)) != 0) {
                continue;
            }
            if (found) {
                diag_error_in(parse->diag, expression->place, v->key_place, DIAG_KIND,
                              "a definition can't be of the kinds '%s' and '%s'", found->key,
                              v->key);
                return NULL;
            }
            found = v;
            *kind = k;
        }
    }
    if (found) {
        return found;
    }
    diag_error(parse->diag, expression->place, DIAG_KIND,
               "expected one of the keys enum, struct, union, alternate, command, event, include, "
               "pragma");
    for (const Value *v = expression->first; v; v = v->next) {
        const char *like = names_suggest(v->key, names, G_N_ELEMENTS(names));
        if (like) {
            diag_note(parse->diag, v->key_place, "did you mean '%s'?", like);
        }
    }
    return NULL;
}

static SchemaDef *build_definition(Parse *parse, const Expression *expression)
{
    SchemaKind kind;
    const Value *value = expression->value;
    const Value *name = find_kind(parse, value, &kind);
    if (!name) {
        parse->incomplete = true;
        return NULL;
    }
    SchemaDef *def = arena_new0(parse->schema->arena, SchemaDef, 1);
    *def = (SchemaDef){.kind = kind, .place = value->place, .name_place = name->place};
    Form form = {.parse = parse, .def = def};
    def->name = form_name_string(&form, name, schema_kind_name(kind));
    if (!def->name) {
        parse->incomplete = true;
        return NULL;
    }
    check_name(&form);
    check_doc(&form, expression);
    build_body(&form, value);
    return def;
}

static void add_definition(Parse *parse, SchemaDef *def)
{
    Schema *schema = parse->schema;
    SchemaDef *first = schema_find(schema, def->name);
    if (first) {
        diag_error_in(parse->diag, def->place, def->name_place, DIAG_REDEFINED,
                      "%s '%s': the name is taken by %s%s", schema_kind_name(def->kind), def->name,
                      first->predefined ? "the built-in " : "the ",
                      first->predefined ? "type" : schema_kind_name(first->kind));
        diag_note(parse->diag, first->name_place, "the first definition is here");
        return;
    }
    g_hash_table_insert(schema->by_name, (gpointer)def->name, def);
}

void form_check(Parse *parse)
{
    GPtrArray *defs = parse->schema->defs;
    for (guint i = 0; i < parse->expressions->len; i++) {
        SchemaDef *def = build_definition(parse, &g_array_index(parse->expressions, Expression, i));
        if (def) {
            def->index = defs->len;
            g_ptr_array_add(defs, def);
        }
    }
    for (guint i = 0; i < defs->len; i++) {
        add_definition(parse, defs->pdata[i]);
    }
}
