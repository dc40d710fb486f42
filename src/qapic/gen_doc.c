/* SPDX-License-Identifier: BSD-3-Clause */
/* Doc comments of the schema as comments in C. */
#include "qapic/gen.h"

#include "qapic/doc_text.h"
#include "qapic/gen_text.h"

#include <string.h>

/* Columns that are left in a comment at the left margin. */
#define COMMENT_WIDTH (GEN_WIDTH - 3)

/* "@name: text", later lines indented. */
static void append_described(GString *out, const char *mark, const char *name, const char *text)
{
    g_autoptr(GString) lines = g_string_new(NULL);
    g_auto(GStrv) list = NULL;

    doc_plain_lines(lines, text, COMMENT_WIDTH - 4);
    list = g_strsplit(lines->str, "\n", -1);
    if (list[0] == NULL || list[1] == NULL) {
        return;
    }
    if (list[2] == NULL && !g_str_has_prefix(list[0], "- ") &&
        strlen(mark) + strlen(name) + 2 + strlen(list[0]) <= COMMENT_WIDTH) {
        g_string_append_printf(out, "%s%s: %s\n", mark, name, list[0]);
        return;
    }
    g_string_append_printf(out, "%s%s:\n", mark, name);
    for (unsigned i = 0; list[i + 1] != NULL; i++) {
        g_string_append_printf(out, "%s%s\n", list[i][0] == '\0' ? "" : "    ", list[i]);
    }
}

static void append_gap(GString *out)
{
    if (out->len > 0) {
        g_string_append_c(out, '\n');
    }
}

/* Features of the definition and of its members and values, which share one list in the comment. */
static void append_features(GString *out, const SchemaDoc *doc)
{
    if (doc->features.count == 0) {
        return;
    }
    append_gap(out);
    g_string_append(out, "Features:\n");
    for (unsigned i = 0; i < doc->features.count; i++) {
        append_described(out, "  ", doc->features.list[i].name, doc->features.list[i].text);
    }
}

char *gen_doc_lines(const SchemaDef *def, bool members)
{
    g_autoptr(GString) out = g_string_new(NULL);
    const SchemaDoc *doc = def->doc;

    if (doc == NULL) {
        return g_strdup("");
    }
    doc_plain_lines(out, doc->body, COMMENT_WIDTH);
    if (members && doc->args.count > 0) {
        append_gap(out);
        for (unsigned i = 0; i < doc->args.count; i++) {
            append_described(out, "@", doc->args.list[i].name, doc->args.list[i].text);
        }
    }
    append_features(out, doc);
    for (unsigned i = 0; i < doc->sections.count; i++) {
        const SchemaDocText *section = &doc->sections.list[i];
        if (g_strcmp0(section->name, "TODO") == 0) {
            continue;
        }
        append_gap(out);
        if (section->name == NULL) {
            doc_plain_lines(out, section->text, COMMENT_WIDTH);
        } else {
            append_described(out, "", section->name, section->text);
        }
    }
    return g_strdup(out->str);
}
