/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The parser: top-level expressions, includes, and which doc comment belongs to which definition.
 *
 * After an error the parser goes on with the next line that looks like the beginning of an
 * expression, so that one run shows all errors.
 */
#include "qapic/ast.h"
#include "qapic/doc_comment.h"
#include "qapic/lex.h"

#include <string.h>

enum {
    /* Values nest no deeper: only conditions may nest at all, and the parser recurses. */
    PARSE_MAX_DEPTH = 256,
    /* Includes nest no deeper. */
    PARSE_MAX_INCLUDES = 200,
    /* Smaller objects are searched for duplicate keys without a hash table. */
    PARSE_LINEAR_KEYS = 16,
};

typedef struct Parser {
    Parse *parse;
    Lexer lexer;
    SchemaDoc *pending; /* the doc comment read last, nothing behind it yet */
    bool pending_broken;
    bool doc_skipped; /* there may have been one that is not read */
} Parser;

static Value *parse_value(Parser *parser, unsigned depth);

Value *value_get(const Value *object, const char *key)
{
    for (Value *v = object->first; v; v = v->next) {
        if (!strcmp(v->key, key)) {
            return v;
        }
    }
    return NULL;
}

static const char *token_text(const Lexer *lexer)
{
    switch (lexer->token) {
    case TOKEN_END: return "the end of the file";
    case TOKEN_STRING: return "a string";
    case TOKEN_DOC: return "a doc comment";
    case TOKEN_TRUE: return "'true'";
    case TOKEN_FALSE: return "'false'";
    case TOKEN_OPEN_BRACE: return "'{'";
    case TOKEN_CLOSE_BRACE: return "'}'";
    case TOKEN_OPEN_BRACKET: return "'['";
    case TOKEN_CLOSE_BRACKET: return "']'";
    case TOKEN_COLON: return "':'";
    case TOKEN_COMMA: return "','";
    case TOKEN_BAD: break;
    }
    return "this";
}

/* Always returns NULL. */
static Value *syntax_error(Parser *parser, const char *expected)
{
    Lexer *lexer = &parser->lexer;
    if (lexer->token != TOKEN_BAD) {
        diag_error(parser->parse->diag, lexer->place, DIAG_SYNTAX, "expected %s, not %s", expected,
                   token_text(lexer));
    }
    return NULL;
}

static void append_value(Value *parent, Value ***tail, Value *value)
{
    **tail = value;
    *tail = &value->next;
    parent->count++;
}

/* Finds an earlier element with the key of @value. @keys is made when the object gets large. */
static const Value *find_duplicate(const Value *object, GHashTable **keys, Value *value)
{
    if (object->count < PARSE_LINEAR_KEYS) {
        return value_get(object, value->key);
    }
    if (!*keys) {
        *keys = g_hash_table_new(g_str_hash, g_str_equal);
        for (Value *v = object->first; v; v = v->next) {
            g_hash_table_insert(*keys, (gpointer)v->key, v);
        }
    }
    const Value *first = g_hash_table_lookup(*keys, value->key);
    if (!first) {
        g_hash_table_insert(*keys, (gpointer)value->key, value);
    }
    return first;
}

static Value *parse_member(Parser *parser, unsigned depth)
{
    Lexer *lexer = &parser->lexer;
    const char *key = lexer->string;
    SchemaPlace key_place = lexer->place;
    lex_next(lexer);
    if (lexer->token != TOKEN_COLON) {
        return syntax_error(parser, "':' after the key");
    }
    lex_next(lexer);
    Value *value = parse_value(parser, depth);
    if (value) {
        value->key = key;
        value->key_place = key_place;
    }
    return value;
}

static Value *parse_object(Parser *parser, Value *object, unsigned depth)
{
    Lexer *lexer = &parser->lexer;
    g_autoptr(GHashTable) keys = NULL;
    Value **tail = &object->first;
    lex_next(lexer);
    if (lexer->token == TOKEN_CLOSE_BRACE) {
        lex_next(lexer);
        return object;
    }
    while (true) {
        if (lexer->token != TOKEN_STRING) {
            return syntax_error(parser, object->count ? "a string as key after ','"
                                                      : "a string as key, or '}'");
        }
        Value *value = parse_member(parser, depth);
        if (!value) {
            return NULL;
        }
        const Value *first = find_duplicate(object, &keys, value);
        if (first) {
            diag_error(parser->parse->diag, value->key_place, DIAG_DUPLICATE_KEY,
                       "key '%s' stands twice in this object", value->key);
            diag_note(parser->parse->diag, first->key_place, "the first '%s' is here", value->key);
        } else {
            append_value(object, &tail, value);
        }
        if (lexer->token == TOKEN_CLOSE_BRACE) {
            lex_next(lexer);
            return object;
        }
        if (lexer->token != TOKEN_COMMA) {
            return syntax_error(parser, "',' or '}'");
        }
        lex_next(lexer);
    }
}

static Value *parse_list(Parser *parser, Value *list, unsigned depth)
{
    Lexer *lexer = &parser->lexer;
    Value **tail = &list->first;
    lex_next(lexer);
    if (lexer->token == TOKEN_CLOSE_BRACKET) {
        lex_next(lexer);
        return list;
    }
    while (true) {
        Value *value = parse_value(parser, depth);
        if (!value) {
            return NULL;
        }
        append_value(list, &tail, value);
        if (lexer->token == TOKEN_CLOSE_BRACKET) {
            lex_next(lexer);
            return list;
        }
        if (lexer->token != TOKEN_COMMA) {
            return syntax_error(parser, "',' or ']'");
        }
        lex_next(lexer);
    }
}

/* Returns NULL after an error was reported. */
static Value *parse_value(Parser *parser, unsigned depth)
{
    Lexer *lexer = &parser->lexer;
    if (depth >= PARSE_MAX_DEPTH) {
        diag_error(parser->parse->diag, lexer->place, DIAG_SYNTAX,
                   "expected values nested %d deep at most", PARSE_MAX_DEPTH);
        lexer->token = TOKEN_BAD;
        return NULL;
    }
    Value *value = arena_new0(parser->parse->schema->arena, Value, 1);
    value->place = lexer->place;
    switch (lexer->token) {
    case TOKEN_OPEN_BRACE:
        value->kind = VALUE_OBJECT;
        return parse_object(parser, value, depth + 1);
    case TOKEN_OPEN_BRACKET: value->kind = VALUE_LIST; return parse_list(parser, value, depth + 1);
    case TOKEN_STRING:
        value->kind = VALUE_STRING;
        value->string = lexer->string;
        break;
    case TOKEN_TRUE:
    case TOKEN_FALSE:
        value->kind = VALUE_BOOL;
        value->boolean = lexer->token == TOKEN_TRUE;
        break;
    default: return syntax_error(parser, "'{', '[', a string, 'true' or 'false'");
    }
    lex_next(lexer);
    return value;
}

/* What comes next is not the definition that the pending doc comment is for. */
static void reject_pending_doc(Parser *parser)
{
    SchemaDoc *doc = parser->pending;
    if (doc && doc->symbol && !parser->pending_broken) {
        diag_error(parser->parse->diag, doc->place, DIAG_DOC_ORPHAN,
                   "the doc comment of '%s' is not followed by its definition", doc->symbol);
    }
    parser->pending = NULL;
}

static void add_expression(Parser *parser, Value *value)
{
    Expression expression = {
        .value = value,
        .doc = parser->pending,
        .doc_broken = parser->doc_skipped,
    };
    parser->doc_skipped = false;
    SchemaDoc *doc = parser->pending;
    if (doc && parser->pending_broken) {
        expression.doc = NULL;
        expression.doc_broken = true;
    } else if (doc && !doc->symbol) {
        diag_error(parser->parse->diag, doc->place, DIAG_DOC_NOT_DEFINITION,
                   "free-form text right before a definition; to document it, begin with '@NAME:'");
        diag_note(parser->parse->diag, value->place, "the definition is here");
        expression.doc = NULL;
        expression.doc_broken = true;
    }
    parser->pending = NULL;
    g_array_append_val(parser->parse->expressions, expression);
}

/* The folder of @path with a slash at the end, or "". */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return g_strndup(path, slash ? slash + 1 - path : 0);
}

static bool is_in_chain(const Parse *parse, const char *canonical)
{
    for (guint i = 0; i < parse->chain->len; i++) {
        if (!strcmp(parse->chain->pdata[i], canonical)) {
            return true;
        }
    }
    return false;
}

static void parse_file(Parse *parse, const SchemaFile *file);

static void parse_include(Parser *parser, const Value *directive)
{
    Parse *parse = parser->parse;
    const Value *path = value_get(directive, "include");
    if (path->kind != VALUE_STRING || directive->count > 1) {
        const Value *extra = path == directive->first && path->next ? path->next : directive->first;
        diag_error_in(parse->diag, directive->place,
                      path->kind != VALUE_STRING ? path->place : extra->key_place,
                      DIAG_INCLUDE_FORM, "an include is { 'include': 'PATH' } and nothing else");
        return;
    }
    g_autofree char *folder = folder_of(parser->lexer.file->path);
    g_autofree char *name =
        *path->string == '/' ? g_strdup(path->string) : g_strconcat(folder, path->string, NULL);
    g_autofree char *canonical = g_canonicalize_filename(name, NULL);
    if (is_in_chain(parse, canonical)) {
        diag_error_in(parse->diag, directive->place, path->place, DIAG_INCLUDE_LOOP,
                      "'%s' includes itself", name);
        return;
    }
    if (g_hash_table_contains(parse->seen, canonical)) {
        return;
    }
    if (parse->chain->len >= PARSE_MAX_INCLUDES) {
        diag_error_in(parse->diag, directive->place, path->place, DIAG_INCLUDE_UNREADABLE,
                      "includes nest %d deep: '%s' is not read", PARSE_MAX_INCLUDES, name);
        parse->incomplete = true;
        return;
    }
    g_autofree char *why = NULL;
    SchemaFile *file = source_read(parse->schema, name, &why);
    if (!file) {
        diag_error_in(parse->diag, directive->place, path->place, DIAG_INCLUDE_UNREADABLE,
                      "can't read '%s': %s", name, why);
        parse->incomplete = true;
        return;
    }
    file->included_at = directive->place;
    parse_file(parse, file);
}

static void parse_top_level(Parser *parser)
{
    Parse *parse = parser->parse;
    Value *value = parse_value(parser, 0);
    if (!value) {
        parse->incomplete = true;
        parser->pending = NULL;
        if (parser->lexer.token == TOKEN_DOC) {
            /* Perhaps the next definition's, behind one that is not closed. */
            doc_comment_skip(&parser->lexer);
            parser->doc_skipped = true;
        }
        lex_recover(&parser->lexer);
        return;
    }
    if (value->kind != VALUE_OBJECT) {
        reject_pending_doc(parser);
        diag_error(parse->diag, value->place, DIAG_NOT_OBJECT,
                   "expected an object at the top level: { ... }");
        parse->incomplete = true;
        lex_recover(&parser->lexer);
    } else if (value_get(value, "include")) {
        reject_pending_doc(parser);
        parse_include(parser, value);
    } else if (value_get(value, "pragma")) {
        reject_pending_doc(parser);
        pragma_apply(parse, value);
    } else {
        add_expression(parser, value);
    }
}

static void parse_doc(Parser *parser)
{
    bool broken;
    SchemaDoc *doc = doc_comment_parse(parser->parse, &parser->lexer, &broken);
    reject_pending_doc(parser);
    parser->pending = doc;
    parser->pending_broken = broken;
    g_ptr_array_add(parser->parse->schema->docs, doc);
}

/* The path relative to the root file's folder, which is how every relative path begins. */
static const char *relative_path(const Parse *parse, const SchemaFile *file)
{
    const SchemaFile *root = parse->schema->files->pdata[0];
    g_autofree char *folder = folder_of(root->path);
    return g_str_has_prefix(file->path, folder) ? file->path + strlen(folder) : file->path;
}

static void parse_file(Parse *parse, const SchemaFile *file)
{
    g_ptr_array_add(parse->schema->files, (gpointer)file);
    ((SchemaFile *)file)->rel_path = relative_path(parse, file);
    char *canonical = g_canonicalize_filename(file->path, NULL);
    g_hash_table_insert(parse->seen, canonical, (gpointer)file);
    g_ptr_array_add(parse->chain, canonical);

    unsigned errors = diag_errors(parse->diag);
    Parser parser = {.parse = parse};
    lex_init(&parser.lexer, file, parse->schema->arena, parse->diag);
    parse->incomplete |= diag_errors(parse->diag) > errors;
    lex_next(&parser.lexer);
    while (parser.lexer.token != TOKEN_END) {
        if (parser.lexer.token == TOKEN_DOC) {
            parse_doc(&parser);
        } else {
            parse_top_level(&parser);
        }
    }
    reject_pending_doc(&parser);
    g_ptr_array_set_size(parse->chain, parse->chain->len - 1);
}

bool parse_schema(Parse *parse, const char *path)
{
    g_autofree char *why = NULL;
    SchemaFile *file = source_read(parse->schema, path, &why);
    if (!file) {
        diag_error_nowhere(parse->diag, DIAG_ROOT_UNREADABLE, "can't read the schema '%s': %s",
                           path, why);
        return false;
    }
    parse_file(parse, file);
    return true;
}
