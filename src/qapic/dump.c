/* SPDX-License-Identifier: BSD-3-Clause */
#include "qapic/dump.h"
#include "qapic/out.h"

static void dump_cond(Out *out, const char *key, const SchemaCond *cond)
{
    static const char *const names[] = {
        [SCHEMA_COND_ALL] = "all", [SCHEMA_COND_ANY] = "any", [SCHEMA_COND_NOT] = "not"};
    if (cond->kind == SCHEMA_COND_NAME) {
        out_string(out, key, cond->name);
        return;
    }
    out_begin(out, key, '{');
    if (cond->kind == SCHEMA_COND_NOT) {
        dump_cond(out, names[cond->kind], cond->operands[0]);
    } else {
        out_begin(out, names[cond->kind], '[');
        for (unsigned i = 0; i < cond->n_operands; i++) {
            dump_cond(out, NULL, cond->operands[i]);
        }
        out_end(out, ']');
    }
    out_end(out, '}');
}

static void dump_common(Out *out, const SchemaCond *cond, const SchemaFeatures *features)
{
    if (cond) {
        dump_cond(out, "if", cond);
    }
    if (!features || !features->count) {
        return;
    }
    out_begin(out, "features", '[');
    for (unsigned i = 0; i < features->count; i++) {
        out_begin(out, NULL, '{');
        out_string(out, "name", features->list[i].name);
        dump_common(out, features->list[i].cond, NULL);
        out_end(out, '}');
    }
    out_end(out, ']');
}

static void dump_type(Out *out, const char *key, const SchemaTypeRef *type)
{
    g_autofree char *array = type->array ? g_strconcat("[", type->name, "]", NULL) : NULL;
    out_string(out, key, array ? array : type->name);
}

static void dump_values(Out *out, const SchemaDef *def)
{
    out_begin(out, "values", '[');
    for (unsigned i = 0; i < def->n_values; i++) {
        out_begin(out, NULL, '{');
        out_string(out, "name", def->values[i].name);
        dump_common(out, def->values[i].cond, &def->values[i].features);
        out_end(out, '}');
    }
    out_end(out, ']');
}

static void dump_members(Out *out, const SchemaDef *def)
{
    out_begin(out, "members", '[');
    for (unsigned i = 0; i < def->n_members; i++) {
        const SchemaMember *member = &def->members[i];
        out_begin(out, NULL, '{');
        out_string(out, "name", member->name);
        dump_type(out, "type", &member->type);
        out_bool(out, "optional", member->optional);
        dump_common(out, member->cond, &member->features);
        out_end(out, '}');
    }
    out_end(out, ']');
}

static void dump_branches(Out *out, const SchemaDef *def)
{
    out_begin(out, "branches", '[');
    for (unsigned i = 0; i < def->n_branches; i++) {
        const SchemaBranch *branch = &def->branches[i];
        out_begin(out, NULL, '{');
        out_string(out, "name", branch->name);
        dump_type(out, "type", &branch->type);
        dump_common(out, branch->cond, NULL);
        out_end(out, '}');
    }
    out_end(out, ']');
}

/* A named type, or inline members, or null. */
static void dump_data(Out *out, const char *key, const SchemaDef *def, const SchemaTypeRef *named)
{
    if (named->name || !def->n_members) {
        dump_type(out, key, named);
        return;
    }
    out_begin(out, key, '{');
    dump_members(out, def);
    out_end(out, '}');
}

static void dump_command(Out *out, const SchemaDef *def)
{
    dump_data(out, "data", def, &def->data);
    dump_type(out, "returns", &def->returns);
    out_bool(out, "boxed", def->boxed);
    out_bool(out, "gen", def->gen);
    out_bool(out, "success-response", def->success_response);
    out_bool(out, "allow-oob", def->allow_oob);
    out_bool(out, "allow-preconfig", def->allow_preconfig);
    out_bool(out, "coroutine", def->coroutine);
}

static void dump_body(Out *out, const SchemaDef *def)
{
    switch (def->kind) {
    case SCHEMA_ENUM:
        dump_values(out, def);
        if (def->prefix) {
            out_string(out, "prefix", def->prefix);
        }
        break;
    case SCHEMA_STRUCT:
        if (def->base.name) {
            dump_type(out, "base", &def->base);
        }
        dump_members(out, def);
        break;
    case SCHEMA_UNION:
        dump_data(out, "base", def, &def->base);
        out_string(out, "discriminator", def->discriminator);
        dump_branches(out, def);
        break;
    case SCHEMA_ALTERNATE: dump_branches(out, def); break;
    case SCHEMA_COMMAND: dump_command(out, def); break;
    case SCHEMA_EVENT:
        dump_data(out, "data", def, &def->data);
        out_bool(out, "boxed", def->boxed);
        break;
    case SCHEMA_BUILTIN: break;
    }
}

static void dump_definition(Out *out, const SchemaDef *def)
{
    out_begin(out, NULL, '{');
    out_string(out, "kind", schema_kind_name(def->kind));
    out_string(out, "name", def->name);
    out_string(out, "file", def->place.file->rel_path);
    out_uint(out, "line", def->place.line);
    dump_common(out, def->cond, &def->features);
    dump_body(out, def);
    out_end(out, '}');
}

static void dump_texts(Out *out, const char *key, const SchemaDocTexts *texts)
{
    out_begin(out, key, '{');
    for (unsigned i = 0; i < texts->count; i++) {
        out_string(out, texts->list[i].name, texts->list[i].text);
    }
    out_end(out, '}');
}

static void dump_doc(Out *out, const SchemaDoc *doc)
{
    out_begin(out, NULL, '{');
    out_string(out, "symbol", doc->symbol);
    out_string(out, "file", doc->place.file->rel_path);
    out_uint(out, "line", doc->place.line);
    out_string(out, "body", doc->body);
    dump_texts(out, "args", &doc->args);
    dump_texts(out, "features", &doc->features);
    out_begin(out, "sections", '[');
    for (unsigned i = 0; i < doc->sections.count; i++) {
        out_begin(out, NULL, '{');
        out_string(out, "tag", doc->sections.list[i].name);
        out_string(out, "text", doc->sections.list[i].text);
        out_end(out, '}');
    }
    out_end(out, ']');
    out_end(out, '}');
}

void dump_json(const Schema *schema, GString *text)
{
    Out out = {.text = text};
    out_begin(&out, NULL, '{');
    out_newline(&out);
    out_begin(&out, "entities", '[');
    for (guint i = 0; i < schema->defs->len; i++) {
        out_newline(&out);
        dump_definition(&out, schema->defs->pdata[i]);
    }
    out_end(&out, ']');
    out_newline(&out);
    out_begin(&out, "docs", '[');
    for (guint i = 0; i < schema->docs->len; i++) {
        out_newline(&out);
        dump_doc(&out, schema->docs->pdata[i]);
    }
    out_end(&out, ']');
    out_end(&out, '}');
    g_string_append_c(text, '\n');
}
