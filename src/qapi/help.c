/* SPDX-License-Identifier: BSD-3-Clause */
/* The members of a type as help for people at a terminal: `-object TYPE,help`. */
#include "qapi/engine.h"
#include "qom/options.h"

#define HELP_COLUMN 24

typedef struct Help {
    GPtrArray *lines;
    bool (*want)(const QapiMember *member, QapiHelpItem *item, void *opaque);
    void *opaque;
} Help;

/* As properties are called: sheet on QOM, section 2. */
static const char *type_string(const QapiType *type)
{
    if (type->kind == QAPI_KIND_LIST) {
        bool integers =
            type->element->kind >= QAPI_KIND_INT8 && type->element->kind <= QAPI_KIND_SIZE;
        return integers ? "int" : type_string(type->element);
    }
    return type->kind == QAPI_KIND_STR ? "string" : type->name;
}

/* The first paragraph of @doc in one line. */
static char *first_paragraph(const char *doc)
{
    const char *end = strstr(doc, "\n\n");
    char *text = g_strndup(doc, end ? (size_t)(end - doc) : strlen(doc));
    return g_strdelimit(text, "\n", ' ');
}

static void append_default(GString *line, const char *json)
{
    size_t len = strlen(json);
    if (strcmp(json, "true") == 0 || strcmp(json, "false") == 0) {
        json = json[0] == 't' ? "on" : "off";
        len = strlen(json);
    } else if (json[0] == '"' && len >= 2) {
        json++;
        len -= 2;
    }
    g_string_append_printf(line, " (default: %.*s)", (int)len, json);
}

/* Takes "(default: VALUE)", or "; default: VALUE" in other brackets, out of a description: the
 * default is told anyway. */
static void remove_default(char *text)
{
    char *found = strstr(text, "default: ");
    char *end = found ? found + strcspn(found, ");") : NULL;
    if (!found || !*end || found - text < 2) {
        return;
    }
    char *start = found - 2; /* " (" or "; " */
    bool alone = found[-1] == '(' && *end == ')';
    if (found[-1] == '(' && *end == ';') {
        start = found;
        end += strspn(end, "; ");
    } else if (alone) {
        end++;
    }
    memmove(start, end, strlen(end) + 1);
}

static char *member_line(const QapiMember *member, const QapiHelpItem *item)
{
    GString *line = g_string_new(NULL);
    g_string_printf(line, "  %s=<%s>", member->name, item->type);
    if (member->doc || item->default_json) {
        while (line->len < HELP_COLUMN) {
            g_string_append_c(line, ' ');
        }
    }
    if (member->doc) {
        g_autofree char *doc = first_paragraph(member->doc);
        if (item->default_json) {
            remove_default(doc);
        }
        g_string_append_printf(line, " - %s", doc);
    }
    if (item->default_json) {
        append_default(line, item->default_json);
    }
    g_string_append_c(line, '\n');
    return g_string_free(line, FALSE);
}

static void collect_lines(Help *help, const QapiType *type)
{
    if (type->base) {
        collect_lines(help, type->base);
    }
    for (uint32_t i = 0; i < type->n_members; i++) {
        const QapiMember *member = &type->members[i];
        QapiHelpItem item = {type_string(member->type), member->default_json};
        if (!help->want || help->want(member, &item, help->opaque)) {
            g_ptr_array_add(help->lines, member_line(member, &item));
        }
    }
}

static int compare_lines(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

char *qapi_help_lines(const QapiType *type, const char *title,
                      bool (*want)(const QapiMember *member, QapiHelpItem *item, void *opaque),
                      void *opaque)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    Help help = {.lines = lines, .want = want, .opaque = opaque};
    collect_lines(&help, type);
    if (lines->len == 0) {
        return g_strdup_printf("There are no options for %s.\n", title);
    }
    g_ptr_array_sort(lines, compare_lines);
    GString *text = g_string_new(NULL);
    g_string_printf(text, "%s options:\n", title);
    for (guint i = 0; i < lines->len; i++) {
        g_string_append(text, lines->pdata[i]);
    }
    return g_string_free(text, FALSE);
}
