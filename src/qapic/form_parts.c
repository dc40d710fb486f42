/* SPDX-License-Identifier: BSD-3-Clause */
#include "qapic/cond.h"
#include "qapic/form.h"
#include "qapic/names.h"

#include <string.h>

static const FormKeys member_keys = {{"type"}, {"if", "features"}};
static const FormKeys branch_keys = {{"type"}, {"if"}};
static const FormKeys feature_keys = {{"name"}, {"if"}};

void form_error(Form *form, SchemaPlace token, DiagCode code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    g_autofree char *text = g_strdup_vprintf(fmt, args);
    va_end(args);
    SchemaDef *def = form->def;
    def->broken = true;
    if (def->name) {
        diag_error_in(form->parse->diag, def->place, token, code, "%s '%s': %s",
                      schema_kind_name(def->kind), def->name, text);
    } else {
        diag_error_in(form->parse->diag, def->place, token, code, "%s", text);
    }
}

static bool is_in(const char *name, const char *const *list)
{
    for (; *list; list++) {
        if (!strcmp(name, *list)) {
            return true;
        }
    }
    return false;
}

static void append_keys(GString *out, const char *const *list)
{
    for (; *list; list++) {
        g_string_append_printf(out, "%s%s", out->len ? ", " : "", *list);
    }
}

/* The keys that are known but not there. */
static const char *suggest_key(const Value *object, const char *key, const FormKeys *keys)
{
    const char *candidates[G_N_ELEMENTS(keys->required) + G_N_ELEMENTS(keys->optional)];
    size_t n = 0;
    for (const char *const *k = keys->required; *k; k++) {
        candidates[n++] = *k;
    }
    for (const char *const *k = keys->optional; *k; k++) {
        candidates[n++] = *k;
    }
    size_t free_keys = 0;
    for (size_t i = 0; i < n; i++) {
        if (!value_get(object, candidates[i])) {
            candidates[free_keys++] = candidates[i];
        }
    }
    return names_suggest(key, candidates, free_keys);
}

static void unknown_key(Form *form, const Value *object, const Value *value, const char *what,
                        const FormKeys *keys)
{
    form_error(form, value->key_place, DIAG_KEY_UNKNOWN, "%s has an unknown key '%s'", what,
               value->key);
    const char *like = suggest_key(object, value->key, keys);
    if (like) {
        diag_hint(form->parse->diag, "did you mean '%s'?", like);
    }
    g_autoptr(GString) valid = g_string_new(NULL);
    append_keys(valid, keys->required);
    append_keys(valid, keys->optional);
    diag_hint(form->parse->diag, "valid keys are %s", valid->str);
}

bool form_keys(Form *form, const Value *object, const char *what, const FormKeys *keys)
{
    const char *kind_key =
        object->place.line == form->def->place.line && object->place.col == form->def->place.col
            ? schema_kind_name(form->def->kind)
            : "";
    for (const char *const *key = keys->required; *key; key++) {
        if (value_get(object, *key)) {
            continue;
        }
        form_error(form, object->place, DIAG_KEY_MISSING, "%s lacks the key '%s'", what, *key);
        for (const Value *v = object->first; v; v = v->next) {
            if (!is_in(v->key, keys->required) && !is_in(v->key, keys->optional) &&
                strcmp(v->key, kind_key) != 0) {
                diag_note(form->parse->diag, v->key_place, "'%s' is not known here", v->key);
            }
        }
        return false;
    }
    for (const Value *v = object->first; v; v = v->next) {
        if (!is_in(v->key, keys->required) && !is_in(v->key, keys->optional) &&
            strcmp(v->key, kind_key) != 0) {
            unknown_key(form, object, v, what, keys);
        }
    }
    return true;
}

static const char *case_rule(const char *stem, NameRule rule)
{
    switch (rule) {
    case NAME_CAMEL: return names_is_camel(stem) ? NULL : "must be CamelCase";
    case NAME_UPPER:
        return names_has_lower(stem) || strchr(stem, '-') ? "must not have lower case or '-'"
                                                          : NULL;
    case NAME_LOWER:
        return names_has_upper(stem) || strchr(stem, '_') ? "must not have upper case or '_'"
                                                          : NULL;
    case NAME_LOWER_UNDERSCORE: return names_has_upper(stem) ? "must not have upper case" : NULL;
    case NAME_MIXED: break;
    }
    return NULL;
}

bool form_name(Form *form, const char *name, SchemaPlace place, const char *what, NameRule rule,
               bool digit_first)
{
    const char *stem = names_stem(name);
    g_autofree char *without_digit = NULL;
    if (digit_first && g_ascii_isdigit(*name)) {
        without_digit = g_strconcat("d", name, NULL);
        stem = names_stem(without_digit);
    }
    if (!stem) {
        form_error(form, place, DIAG_NAME_INVALID, "'%s' is no valid name of a %s", name, what);
        return false;
    }
    const char *broken_rule = case_rule(stem, rule);
    if (broken_rule) {
        form_error(form, place, DIAG_NAME_CASE, "the name '%s' of a %s %s", name, what,
                   broken_rule);
        return false;
    }
    return true;
}

const char *form_name_string(Form *form, const Value *value, const char *what)
{
    if (value->kind == VALUE_STRING) {
        return value->string;
    }
    form_error(form, value->place, DIAG_NAME_TYPE, "the name of a %s must be a string", what);
    return NULL;
}

static SchemaCond *build_cond(Form *form, const Value *value);

static bool build_operands(Form *form, const Value *list, SchemaCond *cond)
{
    cond->operands =
        (const SchemaCond **)arena_new0(form->parse->schema->arena, SchemaCond *, list->count);
    for (const Value *v = list->first; v; v = v->next) {
        const SchemaCond *operand = build_cond(form, v);
        if (!operand) {
            return false;
        }
        cond->operands[cond->n_operands++] = operand;
    }
    return true;
}

static SchemaCond *build_not(Form *form, const Value *value, SchemaCond *cond)
{
    const SchemaCond *operand = build_cond(form, value);
    if (!operand) {
        return NULL;
    }
    cond->kind = SCHEMA_COND_NOT;
    cond->operands = (const SchemaCond **)arena_new0(form->parse->schema->arena, SchemaCond *, 1);
    cond->operands[cond->n_operands++] = operand;
    return cond;
}

static SchemaCond *build_operator(Form *form, const Value *value, SchemaCond *cond)
{
    const Value *operand = value->first;
    bool all = value->count == 1 && !strcmp(operand->key, "all");
    bool any = value->count == 1 && !strcmp(operand->key, "any");
    if (value->count == 1 && !strcmp(operand->key, "not")) {
        return build_not(form, operand, cond);
    }
    if (!all && !any) {
        form_error(form, value->place, DIAG_IF_FORM,
                   "a condition has exactly one of the keys all, any, not");
        return NULL;
    }
    if (operand->kind != VALUE_LIST) {
        form_error(form, operand->place, DIAG_IF_FORM, "'%s' takes a list of conditions",
                   operand->key);
        return NULL;
    }
    if (!operand->count) {
        form_error(form, operand->place, DIAG_IF_EMPTY, "the list of '%s' is empty", operand->key);
        return NULL;
    }
    cond->kind = all ? SCHEMA_COND_ALL : SCHEMA_COND_ANY;
    return build_operands(form, operand, cond) ? cond : NULL;
}

/* Recursion ends where the parser's limit on nesting is. NULL: reported. */
static SchemaCond *build_cond(Form *form, const Value *value)
{
    SchemaCond *cond = arena_new0(form->parse->schema->arena, SchemaCond, 1);
    switch (value->kind) {
    case VALUE_STRING:
        if (!cond_is_name(value->string)) {
            form_error(form, value->place, DIAG_IF_NAME,
                       "'%s' in a condition does not match [A-Z][A-Z0-9_]*", value->string);
            return NULL;
        }
        cond->kind = SCHEMA_COND_NAME;
        cond->name = value->string;
        return cond;
    case VALUE_OBJECT: return build_operator(form, value, cond);
    case VALUE_LIST:
    case VALUE_BOOL: break;
    }
    form_error(form, value->place, DIAG_IF_FORM,
               "a condition is a name or an object with the key all, any or not");
    return NULL;
}

const SchemaCond *form_cond(Form *form, const Value *object)
{
    const Value *value = value_get(object, "if");
    return value ? build_cond(form, value) : NULL;
}

static bool build_feature(Form *form, const Value *value, SchemaFeature *feature)
{
    const Value *name = value;
    if (value->kind == VALUE_OBJECT) {
        if (!form_keys(form, value, "a feature", &feature_keys)) {
            return false;
        }
        name = value_get(value, "name");
        feature->cond = form_cond(form, value);
    }
    feature->place = name->place;
    feature->name = form_name_string(form, name, "feature");
    if (!feature->name) {
        return false;
    }
    form_name(form, feature->name, feature->place, "feature", NAME_LOWER, false);
    return true;
}

SchemaFeatures form_features(Form *form, const Value *object)
{
    SchemaFeatures features = {0};
    const Value *list = value_get(object, "features");
    if (!list) {
        return features;
    }
    if (list->kind != VALUE_LIST) {
        form_error(form, list->place, DIAG_FEATURES_FORM, "the features are no list");
        return features;
    }
    features.list = arena_new0(form->parse->schema->arena, SchemaFeature, list->count);
    for (const Value *v = list->first; v; v = v->next) {
        if (build_feature(form, v, &features.list[features.count])) {
            features.count++;
        }
    }
    return features;
}

SchemaTypeRef form_type(Form *form, const Value *value, bool array, const char *expected)
{
    SchemaTypeRef type = {.place = value->place};
    if (value->kind == VALUE_STRING) {
        type.name = value->string;
    } else if (array && value->kind == VALUE_LIST && value->count == 1 &&
               value->first->kind == VALUE_STRING) {
        type.name = value->first->string;
        type.place = value->first->place;
        type.array = true;
    } else {
        form_error(form, value->place, DIAG_TYPE_REF_FORM, "expected %s", expected);
    }
    return type;
}

static void build_member(Form *form, const Value *value, NameRule rule, SchemaMember *member)
{
    member->place = value->key_place;
    member->name = value->key;
    if (*member->name == '*') {
        member->optional = true;
        member->name++;
    }
    if (form_name(form, member->name, member->place, "member", rule, false) &&
        names_is_reserved_member(member->name)) {
        form_error(form, member->place, DIAG_NAME_RESERVED, "the name '%s' is reserved",
                   member->name);
    }
    const Value *type = value;
    if (value->kind == VALUE_OBJECT) {
        g_autofree char *what = g_strdup_printf("member '%s'", member->name);
        if (!form_keys(form, value, what, &member_keys)) {
            return;
        }
        member->cond = form_cond(form, value);
        member->features = form_features(form, value);
        type = value_get(value, "type");
    }
    member->type = form_type(form, type, true, "a type's name 'T' or ['T']");
}

void form_members(Form *form, const Value *object, NameRule rule)
{
    SchemaDef *def = form->def;
    def->members = arena_new0(form->parse->schema->arena, SchemaMember, object->count);
    for (const Value *v = object->first; v; v = v->next) {
        build_member(form, v, rule, &def->members[def->n_members++]);
    }
}

static void build_branch(Form *form, const Value *value, bool alternate, SchemaBranch *branch)
{
    branch->name = value->key;
    branch->place = value->key_place;
    if (alternate) { /* a union's are values of its enum, which has its own rule */
        form_name(form, branch->name, branch->place, "alternative", NAME_LOWER, false);
    }
    const Value *type = value;
    if (value->kind == VALUE_OBJECT) {
        g_autofree char *what = g_strdup_printf("branch '%s'", branch->name);
        if (!form_keys(form, value, what, &branch_keys)) {
            return;
        }
        branch->cond = form_cond(form, value);
        type = value_get(value, "type");
    }
    branch->type = form_type(form, type, alternate,
                             alternate ? "a type's name 'T' or ['T']" : "the name of a type");
}

void form_branches(Form *form, const Value *object, bool alternate)
{
    SchemaDef *def = form->def;
    def->branches = arena_new0(form->parse->schema->arena, SchemaBranch, object->count);
    for (const Value *v = object->first; v; v = v->next) {
        build_branch(form, v, alternate, &def->branches[def->n_branches++]);
    }
}
