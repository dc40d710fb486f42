/* SPDX-License-Identifier: BSD-3-Clause */
#include "qapic/doc_man_type.h"

#include "qapic/cond.h"
#include "qapic/doc_type.h"

static void put_parts(ManPage *page, const SchemaDef *def, bool pages);

static void put_text(ManPage *page, const SchemaDocText *doc)
{
    if (doc == NULL || doc->text[0] == '\0') {
        roff_text(&page->roff, "Not described.");
    } else {
        roff_blocks(&page->roff, doc->text, true);
    }
}

static void put_term(ManPage *page, const char *name, const char *words)
{
    g_autofree char *safe_name = roff_escape(name);
    g_autofree char *safe_words = words == NULL ? NULL : roff_escape(words);
    g_autofree char *term = safe_words == NULL
                                ? g_strdup_printf("\\fB%s\\fR", safe_name)
                                : g_strdup_printf("\\fB%s\\fR (%s)", safe_name, safe_words);

    roff_term(&page->roff, term);
}

/* Whether there is something to say of what @def consists of. A type is explained once a page,
 * where it is met first; schemas may be recursive. */
static bool begin_parts(ManPage *page, const SchemaDef *def)
{
    bool any =
        def != NULL && def->kind != SCHEMA_BUILTIN && !def->predefined &&
        (def->n_values > 0 || def->n_members > 0 || def->n_branches > 0 || def->base.name != NULL);

    return any && g_hash_table_add(page->explained, (void *)def);
}

static void put_member_features(ManPage *page, const SchemaMember *member)
{
    for (unsigned i = 0; i < member->features.count; i++) {
        const SchemaFeature *feature = &member->features.list[i];
        if (feature->doc != NULL && feature->doc->text[0] != '\0') {
            g_autofree char *name = roff_escape(feature->name);
            g_autofree char *head = g_strdup_printf("\\fI%s\\fR:", name);
            roff_paragraph(&page->roff);
            roff_text(&page->roff, head);
            roff_blocks(&page->roff, feature->doc->text, true);
        }
    }
}

static void put_members(ManPage *page, const GPtrArray *members)
{
    for (guint i = 0; i < members->len; i++) {
        const SchemaMember *member = g_ptr_array_index(members, i);
        g_autofree char *words = doc_member_words(member);
        bool parts = begin_parts(page, member->type.def);

        put_term(page, member->name, words);
        put_text(page, member->doc);
        if (parts || member->features.count > 0) {
            roff_indent(&page->roff);
            put_member_features(page, member);
            if (parts) {
                put_parts(page, member->type.def, false);
            }
            roff_outdent(&page->roff);
        }
    }
}

static void put_values(ManPage *page, const SchemaDef *def)
{
    for (unsigned i = 0; i < def->n_values; i++) {
        g_autofree char *cond = cond_to_c(def->values[i].cond);
        g_autofree char *words = cond == NULL ? NULL : g_strdup_printf("if %s", cond);
        put_term(page, def->values[i].name, words);
        put_text(page, def->values[i].doc);
    }
}

static void put_alternatives(ManPage *page, const SchemaDef *def)
{
    for (unsigned i = 0; i < def->n_branches; i++) {
        const SchemaBranch *branch = &def->branches[i];
        g_autofree char *words = doc_type_words(&branch->type);
        put_term(page, words, NULL);
        put_text(page, branch->doc);
        if (begin_parts(page, branch->type.def)) {
            roff_indent(&page->roff);
            put_parts(page, branch->type.def, false);
            roff_outdent(&page->roff);
        }
    }
}

static void put_page_list(ManPage *page, const SchemaDef *def)
{
    g_autoptr(GString) text = g_string_new(NULL);

    g_string_append_printf(text, "The other members depend on \\fB%s\\fR; see ",
                           def->discriminator);
    for (unsigned i = 0; i < def->tag->type.def->n_values; i++) {
        g_autofree char *name = roff_escape(def->tag->type.def->values[i].name);
        g_string_append_printf(text, "%s\\fBqom\\-type\\-%s\\fR(7)", i > 0 ? ", " : "", name);
    }
    g_string_append_c(text, '.');
    roff_paragraph(&page->roff);
    roff_text(&page->roff, text->str);
}

static void put_union_branches(ManPage *page, const SchemaDef *def)
{
    for (unsigned i = 0; i < def->n_branches; i++) {
        const SchemaBranch *branch = &def->branches[i];
        g_autofree char *tag = roff_escape(def->discriminator);
        g_autofree char *value = roff_escape(branch->name);
        g_autofree char *head = NULL;

        if (branch->type.name == NULL || !begin_parts(page, branch->type.def)) {
            continue;
        }
        head = g_strdup_printf("If \\fB%s\\fR is \\fB%s\\fR:", tag, value);
        roff_paragraph(&page->roff);
        roff_text(&page->roff, head);
        roff_indent(&page->roff);
        put_parts(page, branch->type.def, false);
        roff_outdent(&page->roff);
    }
}

static void put_parts(ManPage *page, const SchemaDef *def, bool pages)
{
    g_autoptr(GPtrArray) members = NULL;

    if (def->kind == SCHEMA_ENUM) {
        put_values(page, def);
        return;
    }
    if (def->kind == SCHEMA_ALTERNATE) {
        put_alternatives(page, def);
        return;
    }
    members = schema_all_members(def);
    put_members(page, members);
    if (def->kind == SCHEMA_UNION && pages) {
        put_page_list(page, def);
    } else if (def->kind == SCHEMA_UNION) {
        put_union_branches(page, def);
    }
}

void man_members(ManPage *page, const GPtrArray *members)
{
    put_members(page, members);
}

void man_type_members(ManPage *page, const SchemaDef *def, bool pages)
{
    put_parts(page, def, pages);
}

void man_type_parts(ManPage *page, const SchemaTypeRef *ref)
{
    if (begin_parts(page, ref->def)) {
        roff_indent(&page->roff);
        put_parts(page, ref->def, false);
        roff_outdent(&page->roff);
    }
}

void man_features(ManPage *page, const SchemaDef *def)
{
    for (unsigned i = 0; i < def->features.count; i++) {
        put_term(page, def->features.list[i].name, NULL);
        put_text(page, def->features.list[i].doc);
    }
}
