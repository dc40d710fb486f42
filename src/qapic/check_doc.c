/* SPDX-License-Identifier: BSD-3-Clause */
/* Features, and whether doc comments describe what is there. */
#include "qapic/check.h"
#include "qapic/names.h"

#include <string.h>

static void check_features_of(Checker *checker, const SchemaFeatures *features)
{
    if (features->count < 2) {
        return;
    }
    g_autoptr(GHashTable) seen = check_names_new();
    for (unsigned i = 0; i < features->count; i++) {
        check_clash(checker, seen, features->list[i].name, &features->list[i].place, "feature");
    }
}

static void check_special_features(Checker *checker)
{
    SchemaDef *def = checker->def;
    if (!schema_is_type(def)) {
        return;
    }
    for (unsigned i = 0; i < def->features.count; i++) {
        const SchemaFeature *feature = &def->features.list[i];
        if (!strcmp(feature->name, "deprecated") || !strcmp(feature->name, "unstable")) {
            check_error(checker, feature->place, DIAG_FEATURE_SPECIAL_TYPE,
                        "a type can't have the feature '%s'", feature->name);
        }
    }
}

void check_features(Checker *checker)
{
    SchemaDef *def = checker->def;
    check_special_features(checker);
    check_features_of(checker, &def->features);
    for (unsigned i = 0; i < def->n_members; i++) {
        check_features_of(checker, &def->members[i].features);
    }
    for (unsigned i = 0; i < def->n_values; i++) {
        check_features_of(checker, &def->values[i].features);
    }
}

/* Finds the description of @name and marks it as used. Descriptions mostly come in the order of
 * what they describe, so the search starts behind the last one found. */
static const SchemaDocText *use_text(SchemaDocTexts *texts, unsigned *last, const char *name)
{
    for (unsigned i = 0; i < texts->count; i++) {
        unsigned at = (*last + i) % texts->count;
        SchemaDocText *text = &texts->list[at];
        if (!strcmp(text->name, name)) {
            text->used = true;
            *last = at + 1;
            return text;
        }
    }
    return NULL;
}

typedef struct DocCheck {
    Checker *checker;
    SchemaDoc *doc;
    unsigned last_arg, last_feature;
    bool members_optional;
} DocCheck;

static const SchemaDocText *describe_part(DocCheck *check, const char *name, SchemaPlace place,
                                          const char *what)
{
    const SchemaDocText *text = use_text(&check->doc->args, &check->last_arg, name);
    if (!text && !check->members_optional) {
        check_error(check->checker, place, DIAG_DOC_MISSING_MEMBER, "%s '%s' is not described",
                    what, name);
        diag_note(check->checker->diag, check->doc->place, "the doc comment is here");
    }
    return text;
}

static void describe_features(DocCheck *check, SchemaFeatures *features)
{
    for (unsigned i = 0; i < features->count; i++) {
        SchemaFeature *feature = &features->list[i];
        feature->doc = use_text(&check->doc->features, &check->last_feature, feature->name);
        if (!feature->doc && !check->checker->parse->lax_docs) {
            check_error(check->checker, feature->place, DIAG_DOC_MISSING_FEATURE,
                        "feature '%s' is not described", feature->name);
            diag_note(check->checker->diag, check->doc->place, "the doc comment is here");
        }
    }
}

void check_doc_complete(Checker *checker)
{
    SchemaDef *def = checker->def;
    if (!def->doc) {
        return;
    }
    GHashTable *exceptions = checker->schema->pragmas.documentation_exceptions;
    DocCheck check = {
        .checker = checker,
        .doc = def->doc,
        .members_optional =
            checker->parse->lax_docs || g_hash_table_contains(exceptions, def->name),
    };
    bool arguments = def->kind == SCHEMA_COMMAND || def->kind == SCHEMA_EVENT;
    describe_features(&check, &def->features);
    for (unsigned i = 0; i < def->n_values; i++) {
        SchemaValue *value = &def->values[i];
        value->doc = describe_part(&check, value->name, value->place, "value");
        describe_features(&check, &value->features);
    }
    for (unsigned i = 0; i < def->n_members; i++) {
        SchemaMember *member = &def->members[i];
        member->doc =
            describe_part(&check, member->name, member->place, arguments ? "argument" : "member");
        describe_features(&check, &member->features);
    }
    for (unsigned i = 0; def->kind == SCHEMA_ALTERNATE && i < def->n_branches; i++) {
        SchemaBranch *branch = &def->branches[i];
        branch->doc = describe_part(&check, branch->name, branch->place, "alternative");
    }
}

/* The names that are not described yet: one of them may be meant. */
static GPtrArray *undescribed(const SchemaDef *def, DiagCode code)
{
    GPtrArray *names = g_ptr_array_new();
    if (code != DIAG_DOC_UNKNOWN_MEMBER) {
        return names;
    }
    for (unsigned i = 0; i < def->n_members; i++) {
        if (!def->members[i].doc) {
            g_ptr_array_add(names, (gpointer)def->members[i].name);
        }
    }
    for (unsigned i = 0; i < def->n_values; i++) {
        if (!def->values[i].doc) {
            g_ptr_array_add(names, (gpointer)def->values[i].name);
        }
    }
    for (unsigned i = 0; def->kind == SCHEMA_ALTERNATE && i < def->n_branches; i++) {
        if (!def->branches[i].doc) {
            g_ptr_array_add(names, (gpointer)def->branches[i].name);
        }
    }
    return names;
}

static void report_unused(Checker *checker, const SchemaDocTexts *texts, DiagCode code,
                          const char *what)
{
    const SchemaDef *def = checker->def;
    g_autoptr(GPtrArray) names = NULL;
    for (unsigned i = 0; i < texts->count; i++) {
        const SchemaDocText *text = &texts->list[i];
        if (text->used) {
            continue;
        }
        diag_error(checker->diag, text->place, code, "%s '%s' has no %s '%s'",
                   schema_kind_name(def->kind), def->name, what, text->name);
        names = names ? names : undescribed(def, code);
        const char *like = names_suggest(text->name, (const char *const *)names->pdata, names->len);
        if (like) {
            diag_hint(checker->diag, "did you mean '%s'?", like);
        }
    }
}

void check_doc_unknown(Checker *checker)
{
    const SchemaDef *def = checker->def;
    if (!def->doc || def->broken) {
        return;
    }
    const char *what = def->kind == SCHEMA_ENUM        ? "value"
                       : def->kind == SCHEMA_ALTERNATE ? "alternative"
                       : schema_is_type(def)           ? "member of its own"
                                                       : "inline argument";
    report_unused(checker, &def->doc->args, DIAG_DOC_UNKNOWN_MEMBER, what);
    report_unused(checker, &def->doc->features, DIAG_DOC_UNKNOWN_FEATURE, "feature");
}
