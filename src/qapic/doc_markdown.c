/* SPDX-License-Identifier: BSD-3-Clause */
/* The whole schema as one file of Markdown: a section for each definition, with anchors of their
 * names, to which types link. */
#include "qapic/doc.h"

#include "qapic/cond.h"
#include "qapic/doc_text.h"
#include "qapic/doc_type.h"
#include "qapic/output.h"

#include <string.h>

static void escape_markdown(GString *out, const char *text, size_t len, bool literal)
{
    for (size_t i = 0; i < len; i++) {
        if (!literal && strchr("\\`*_<>[]|", text[i]) != NULL) {
            g_string_append_c(out, '\\');
        }
        g_string_append_c(out, text[i]);
    }
}

static const DocStyle style_markdown = {
    .literal = {"`", "`"},
    .emphasis = {"*", "*"},
    .strong = {"**", "**"},
    .escape = escape_markdown,
};

/* The blocks of @text, all lines indented by @indent blanks. The first paragraph goes on in the
 * current line if there is one (@inside). */
static void put_blocks(GString *out, const char *text, unsigned indent, bool inside)
{
    g_autoptr(GPtrArray) blocks = doc_parse(text);

    for (guint i = 0; i < blocks->len; i++) {
        const DocBlock *block = g_ptr_array_index(blocks, i);
        unsigned depth = block->kind == DOC_HEADING ? 0 : block->depth;
        g_autofree char *blanks = g_strnfill(indent + 2 * depth, ' ');
        g_autoptr(GString) run = g_string_new(NULL);

        if (i > 0 || !inside) {
            g_string_append_printf(out, "\n%s", blanks);
        }
        if (block->kind == DOC_LITERAL) {
            g_auto(GStrv) lines = g_strsplit(block->text, "\n", -1);
            g_string_append(out, "```\n");
            for (unsigned k = 0; lines[k] != NULL && lines[k + 1] != NULL; k++) {
                g_string_append_printf(out, "%s%s\n", blanks, lines[k]);
            }
            g_string_append_printf(out, "%s```\n", blanks);
            continue;
        }
        doc_inline(run, block->text == NULL ? block->label : block->text, &style_markdown);
        switch (block->kind) {
        case DOC_ITEM: g_string_append_printf(out, "%s %s\n", block->label, run->str); break;
        case DOC_NOTE: g_string_append_printf(out, "*%s*:\n", run->str); break;
        case DOC_HEADING: g_string_append_printf(out, "**%s**\n", run->str); break;
        default: g_string_append_printf(out, "%s\n", run->str); break;
        }
    }
    if (blocks->len == 0 && inside) {
        g_string_append_c(out, '\n');
    }
}

static void put_type(GString *out, const SchemaTypeRef *ref)
{
    g_autofree char *words = doc_type_words(ref);

    if (ref->def->kind == SCHEMA_BUILTIN || ref->def->predefined) {
        g_string_append(out, words);
    } else {
        g_string_append_printf(out, "%s[%s](#%s)", ref->array ? "list of " : "", ref->name,
                               ref->name);
    }
}

static void put_cond(GString *out, const SchemaCond *cond)
{
    g_autofree char *text = cond_to_c(cond);

    if (text != NULL) {
        g_string_append_printf(out, "; if `%s`", text);
    }
}

static void put_members(GString *out, const SchemaMember *members, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const SchemaMember *member = &members[i];

        g_string_append_printf(out, "\n- `%s` (", member->name);
        put_type(out, &member->type);
        g_string_append(out, member->optional ? ", optional" : "");
        for (unsigned k = 0; k < member->features.count; k++) {
            g_string_append_printf(out, ", %s", member->features.list[k].name);
        }
        put_cond(out, member->cond);
        g_string_append(out, ") ");
        put_blocks(out, member->doc == NULL ? NULL : member->doc->text, 2, true);
    }
}

static void put_branches(GString *out, const SchemaDef *def)
{
    for (unsigned i = 0; i < def->n_branches; i++) {
        const SchemaBranch *branch = &def->branches[i];

        if (branch->type.name == NULL) {
            continue;
        }
        if (def->kind == SCHEMA_UNION) {
            g_string_append_printf(out, "\n- if `%s` is `%s`: ", def->discriminator, branch->name);
        } else {
            g_string_append_printf(out, "\n- `%s`: ", branch->name);
        }
        put_type(out, &branch->type);
        put_cond(out, branch->cond);
        g_string_append_c(out, ' ');
        put_blocks(out, branch->doc == NULL ? NULL : branch->doc->text, 2, true);
    }
}

static void put_values(GString *out, const SchemaDef *def)
{
    for (unsigned i = 0; i < def->n_values; i++) {
        const SchemaValue *value = &def->values[i];

        g_string_append_printf(out, "\n- `%s`", value->name);
        put_cond(out, value->cond);
        g_string_append_c(out, ' ');
        put_blocks(out, value->doc == NULL ? NULL : value->doc->text, 2, true);
    }
}

static void put_link(GString *out, const char *head, const SchemaTypeRef *ref)
{
    if (ref->name != NULL) {
        g_string_append_printf(out, "\n%s: ", head);
        put_type(out, ref);
        g_string_append_c(out, '\n');
    }
}

static void put_def(GString *out, const SchemaDef *def)
{
    g_string_append_printf(out, "\n### <a id=\"%s\"></a>%s (%s)\n", def->name, def->name,
                           schema_kind_name(def->kind));
    put_blocks(out, doc_overview(def), 0, false);
    put_link(out, "Base", &def->base);
    put_link(out, def->boxed ? "Arguments, as one struct" : "Arguments", &def->data);
    put_members(out, def->members, def->n_members);
    put_values(out, def);
    put_branches(out, def);
    put_link(out, "Returns", &def->returns);
    for (unsigned i = 0; i < def->features.count; i++) {
        const SchemaFeature *feature = &def->features.list[i];
        g_string_append_printf(out, "\nFeature `%s`: ", feature->name);
        put_blocks(out, feature->doc == NULL ? NULL : feature->doc->text, 0, true);
    }
    for (unsigned i = 0; def->doc != NULL && i < def->doc->sections.count; i++) {
        const SchemaDocText *section = &def->doc->sections.list[i];
        if (section->name == NULL) {
            put_blocks(out, section->text, 0, false);
        } else if (!g_str_equal(section->name, "TODO")) {
            g_string_append_printf(out, "\n*%s*: ", section->name);
            put_blocks(out, section->text, 0, true);
        }
    }
    if (def->cond != NULL) {
        g_string_append(out, "\nOnly there");
        put_cond(out, def->cond);
        g_string_append(out, ".\n");
    }
}

/* Free-form text; its headings go below ours. */
static void put_free_form(GString *out, const SchemaDoc *doc)
{
    unsigned level = (unsigned)strspn(doc->body, "=");
    const char *rest = strchr(doc->body, '\n');

    if (level == 0 || doc->body[level] != ' ') {
        put_blocks(out, doc->body, 0, false);
        return;
    }
    g_string_append_printf(out, "\n%s %.*s\n", level == 1 ? "#" : "##",
                           (int)strcspn(doc->body + level + 1, "\n"), doc->body + level + 1);
    put_blocks(out, rest, 0, false);
}

bool doc_markdown(const Schema *schema, const DocOptions *options, QomError **errp)
{
    g_autoptr(GString) out = g_string_new("<!-- Made by `qapic doc`: do not edit. -->\n");
    guint next_doc = 0;

    for (guint i = 0; i < schema->defs->len; i++) {
        const SchemaDef *def = g_ptr_array_index(schema->defs, i);
        /* free-form text that stands before the definition */
        while (def->doc != NULL && next_doc < schema->docs->len) {
            const SchemaDoc *doc = g_ptr_array_index(schema->docs, next_doc++);
            if (doc->symbol == NULL) {
                put_free_form(out, doc);
            } else if (doc == def->doc) {
                break;
            }
        }
        put_def(out, def);
    }
    return output_write(options->out_dir, "qapi.md", out, errp);
}
