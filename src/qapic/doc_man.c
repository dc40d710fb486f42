/* SPDX-License-Identifier: BSD-3-Clause */
/* The manual pages of commands and object types. */
#include "qapic/doc.h"

#include "qapic/cond.h"
#include "qapic/doc_man_type.h"
#include "qapic/doc_roff.h"
#include "qapic/doc_type.h"
#include "qapic/output.h"

#include <string.h>

static ManPage page_start(const DocOptions *options, const char *name, const SchemaDef *def,
                          const char *about)
{
    ManPage page = {.roff = {.out = g_string_new(NULL)}, .explained = g_hash_table_new(NULL, NULL)};
    g_autofree char *upper = g_ascii_strup(name, -1);
    g_autofree char *title = roff_escape(upper);
    g_autofree char *safe_name = roff_escape(name);
    g_autofree char *summary = doc_summary(def);
    g_autofree char *safe_summary = roff_escape(summary[0] == '\0' ? about : summary);

    g_string_append_printf(page.roff.out,
                           ".\\\" Made by `qapic doc` from %s: do not edit.\n"
                           ".TH %s 7 %s \"%s\"\n",
                           def->place.file->rel_path, title, options->date, options->source);
    roff_section(&page.roff, "NAME");
    g_string_append_printf(page.roff.out, "%s \\- %s\n", safe_name, safe_summary);
    return page;
}

/* Sections with the tags of doc comments, and paragraphs that came after them. */
static void put_sections(Roff *roff, const SchemaDef *def)
{
    static const char *const titles[][2] = {
        {"Errors", "ERRORS"},    {"Note", "NOTES"},        {"Notes", "NOTES"},
        {"Example", "EXAMPLES"}, {"Examples", "EXAMPLES"},
    };

    for (unsigned i = 0; def->doc != NULL && i < def->doc->sections.count; i++) {
        const SchemaDocText *section = &def->doc->sections.list[i];
        if (section->name == NULL) {
            roff_section(roff, "NOTES");
            roff_blocks(roff, section->text, false);
            continue;
        }
        for (unsigned k = 0; k < G_N_ELEMENTS(titles); k++) {
            if (g_str_equal(section->name, titles[k][0])) {
                roff_section(roff, titles[k][1]);
                roff_blocks(roff, section->text, false);
            }
        }
    }
}

/* The hand-written part: roff if it starts with a macro, else examples to be kept as they are. */
static void put_extra(Roff *roff, const DocOptions *options, const char *name)
{
    g_autofree char *file = g_strconcat(name, ".man", NULL);
    g_autofree char *path = NULL;
    g_autofree char *text = NULL;

    if (options->extra_dir == NULL) {
        return;
    }
    path = g_build_filename(options->extra_dir, file, NULL);
    if (!g_file_get_contents(path, &text, NULL, NULL)) {
        return;
    }
    if (text[0] != '.') {
        roff_section(roff, "EXAMPLES");
        roff_literal(roff, text);
        return;
    }
    roff_lines(roff, "%s", text);
    if (!g_str_has_suffix(text, "\n")) {
        g_string_append_c(roff->out, '\n');
    }
}

static void put_history(ManPage *page, const SchemaDef *def)
{
    Roff *roff = &page->roff;
    const char *since = doc_section(def, "Since");
    g_autofree char *cond = cond_to_c(def->cond);

    if (def->features.count > 0) {
        roff_section(roff, "FEATURES");
        man_features(page, def);
    }
    if (since == NULL && cond == NULL) {
        return;
    }
    roff_section(roff, "HISTORY");
    if (since != NULL) {
        g_autofree char *text = g_strdup_printf("Since version %s of the protocol.", since);
        g_autofree char *run = roff_inline(text);
        roff_text(roff, run);
    }
    if (cond != NULL) {
        g_autofree char *safe = roff_escape(cond);
        g_autofree char *line = g_strdup_printf("Only if built with %s.", safe);
        roff_paragraph(roff);
        roff_text(roff, line);
    }
}

static bool page_end(ManPage *page, const DocOptions *options, const SchemaDef *def,
                     const char *name, QomError **errp)
{
    g_autofree char *file = g_strconcat(name, ".7", NULL);
    bool ok;

    put_sections(&page->roff, def);
    put_history(page, def);
    put_extra(&page->roff, options, name);
    ok = output_write(options->out_dir, file, page->roff.out, errp);
    g_string_free(page->roff.out, TRUE);
    g_hash_table_unref(page->explained);
    return ok;
}

static void put_description(Roff *roff, const SchemaDef *def, const char *fallback)
{
    const char *overview = doc_overview(def);

    roff_section(roff, "DESCRIPTION");
    if (overview == NULL || overview[0] == '\0') {
        roff_text(roff, fallback);
    } else {
        roff_blocks(roff, overview, false);
    }
}

/* --- Commands -------------------------------------------------------------------------------- */

/* The command as it is sent, with placeholders. */
static char *command_synopsis(const SchemaDef *def, const GPtrArray *members)
{
    g_autoptr(GString) out = g_string_new(NULL);

    g_string_append_printf(out, "{\"execute\": \"%s\"", def->name);
    for (guint i = 0; i < members->len; i++) {
        const SchemaMember *member = g_ptr_array_index(members, i);
        g_autofree char *value = doc_type_placeholder(&member->type);
        const char *lead = i == 0 ? ",\n \"arguments\": {" : ",\n               ";
        g_string_append_printf(out, "%s%s\"%s\": %s%s", lead, member->optional ? "[" : "",
                               member->name, value, member->optional ? "]" : "");
    }
    g_string_append(out, members->len > 0 ? "}}" : "}");
    return g_strdup(out->str);
}

static void put_returns(ManPage *page, const SchemaDef *def)
{
    Roff *roff = &page->roff;
    const char *text = doc_section(def, "Returns");
    g_autofree char *words = NULL;
    g_autofree char *line = NULL;

    if (def->returns.name == NULL && text == NULL) {
        return;
    }
    roff_section(roff, "RETURN VALUE");
    if (def->returns.name != NULL) {
        g_autofree char *safe = NULL;
        words = doc_type_words(&def->returns);
        safe = roff_escape(words);
        line = g_strdup_printf("Type: %s.", safe);
        roff_text(roff, line);
    }
    roff_blocks(roff, text, false);
    if (def->returns.name != NULL) {
        man_type_parts(page, &def->returns);
    }
}

static void put_flags(Roff *roff, const SchemaDef *def)
{
    if (def->allow_oob) {
        roff_paragraph(roff);
        roff_text(roff, "May be run out of band, with \\fBexec\\-oob\\fR.");
    }
    if (!def->success_response) {
        roff_paragraph(roff);
        roff_text(roff, "There is no reply on success.");
    }
}

static bool put_command(const SchemaDef *def, const DocOptions *options, QomError **errp)
{
    g_autofree char *name = g_strdup_printf("qmp-%s", def->name);
    g_autofree char *synopsis = NULL;
    g_autoptr(GPtrArray) members = schema_all_members(def);
    const SchemaDef *data = def->data.def;
    bool is_union = data != NULL && data->kind == SCHEMA_UNION;
    ManPage page = page_start(options, name, def, "QMP command");

    roff_section(&page.roff, "SYNOPSIS");
    synopsis = command_synopsis(def, members);
    roff_literal(&page.roff, synopsis);
    put_description(&page.roff, def, "This command is not described.");
    put_flags(&page.roff, def);
    if (members->len > 0 || is_union) {
        roff_section(&page.roff, "ARGUMENTS");
        if (is_union) {
            man_type_members(&page, data, g_str_equal(data->name, options->object_union));
        } else {
            man_members(&page, members);
        }
    }
    put_returns(&page, def);
    return page_end(&page, options, def, name, errp);
}

/* --- Object types ---------------------------------------------------------------------------- */

/* Option and command that make an object of the type. */
static void put_object_synopsis(Roff *roff, const char *type, const GPtrArray *members)
{
    g_autoptr(GString) out = g_string_new(NULL);

    g_string_append_printf(out, "-object %s,id=ID", type);
    for (guint i = 0; i < members->len; i++) {
        const SchemaMember *member = g_ptr_array_index(members, i);
        g_autofree char *value = doc_type_placeholder(&member->type);
        g_string_append_printf(out, "%s,%s=%s%s", member->optional ? "[" : "", member->name, value,
                               member->optional ? "]" : "");
    }
    roff_section(roff, "SYNOPSIS");
    /* An option has no blanks; break it behind commas. */
    for (char *at = out->str; at != NULL && *at != '\0';) {
        g_autoptr(GString) line = g_string_new(at == out->str ? "" : "    ");
        char *end = at;
        while (*end != '\0' && (end == at || (size_t)(end - at) < 60 || end[-1] != ']')) {
            end++;
        }
        g_string_append_len(line, at, end - at);
        if (at != out->str) {
            roff_lines(roff, ".br\n");
        }
        g_autofree char *safe = roff_escape(g_strstrip(line->str));
        roff_lines(roff, "%s\n", safe);
        at = end;
    }
    g_autofree char *safe_type = roff_escape(type);
    roff_lines(roff,
               ".PP\n{\\(dqexecute\\(dq: \\(dqobject\\-add\\(dq, \\(dqarguments\\(dq: "
               "{\\(dqqom\\-type\\(dq: \\(dq%s\\(dq, \\(dqid\\(dq: ID, ...}}\n",
               safe_type);
    roff->fresh = false;
}

/* The members of a base are listed under its name, behind the own ones. */
static void put_properties(ManPage *page, const SchemaDef *def)
{
    g_autoptr(GPtrArray) own = g_ptr_array_new();

    for (unsigned i = 0; i < def->n_members; i++) {
        g_ptr_array_add(own, &def->members[i]);
    }
    if (own->len > 0) {
        man_members(page, own);
    }
    if (def->base.name != NULL) {
        g_autofree char *title = g_strdup_printf("From %s", def->base.name);
        g_autoptr(GPtrArray) inherited = schema_all_members(def->base.def);
        if (inherited->len > 0) {
            roff_subsection(&page->roff, title);
            put_properties(page, def->base.def);
        }
    }
}

static bool put_object(const SchemaDef *object_union, const SchemaBranch *branch,
                       const DocOptions *options, QomError **errp)
{
    g_autofree char *name = g_strdup_printf("qom-type-%s", branch->name);
    const SchemaDef *def = branch->type.name == NULL ? object_union : branch->type.def;
    g_autoptr(GPtrArray) members =
        def == object_union ? g_ptr_array_new() : schema_all_members(def);
    const SchemaDocText *value = branch->value->doc;
    ManPage page = page_start(options, name, def, "object type");

    put_object_synopsis(&page.roff, branch->name, members);
    if (def == object_union) {
        roff_section(&page.roff, "DESCRIPTION");
        roff_text(&page.roff, "This type has no properties of its own.");
    } else {
        put_description(&page.roff, def, "This type is not described.");
    }
    if (value != NULL && value->text[0] != '\0') {
        roff_blocks(&page.roff, value->text, false);
    }
    if (members->len > 0) {
        roff_section(&page.roff, "PROPERTIES");
        put_properties(&page, def);
    }
    return page_end(&page, options, def, name, errp);
}

bool doc_man(const Schema *schema, const DocOptions *options, QomError **errp)
{
    const SchemaDef *objects = schema_find(schema, options->object_union);

    for (guint i = 0; i < schema->defs->len; i++) {
        const SchemaDef *def = g_ptr_array_index(schema->defs, i);
        if (def->kind == SCHEMA_COMMAND && !put_command(def, options, errp)) {
            return false;
        }
    }
    if (objects == NULL || objects->kind != SCHEMA_UNION) {
        return true;
    }
    for (unsigned i = 0; i < objects->n_branches; i++) {
        if (!put_object(objects, &objects->branches[i], options, errp)) {
            return false;
        }
    }
    return true;
}
