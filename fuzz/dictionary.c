/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Prints a dictionary for libFuzzer: every name that the schema, the object types and the command
 * line know, as a JSON string and bare.
 */
#include "daemon/option.h"
#include "qapi-schema.h"
#include "qom/object.h"

#include <stdio.h>
#include <string.h>

static void add(GHashTable *words, const char *word)
{
    g_hash_table_add(words, g_strdup(word));
}

static void add_schema(GHashTable *words)
{
    for (uint32_t i = 0; i < qapi_schema.n_commands; i++) {
        add(words, qapi_schema.commands[i]->name);
    }
    for (uint32_t i = 0; i < qapi_schema.n_types; i++) {
        const QapiType *type = qapi_schema.types[i];
        for (uint32_t j = 0; j < type->n_members; j++) {
            add(words, type->members[j].name);
        }
        for (uint32_t j = 0; j < type->n_values; j++) {
            add(words, type->values[j].name);
        }
    }
}

static void add_types(GHashTable *words)
{
    size_t n_types, n_props;
    g_autofree const QomType **types = qom_type_list(NULL, true, &n_types);
    for (size_t i = 0; i < n_types; i++) {
        add(words, qom_type_name(types[i]));
        const QomProperty *const *props = qom_type_properties(types[i], &n_props);
        for (size_t j = 0; j < n_props; j++) {
            add(words, props[j]->name);
        }
    }
}

static void add_options(GHashTable *words)
{
    size_t n;
    const Option *options = option_table(&n);
    for (size_t i = 0; i < n; i++) {
        g_autofree char *text = g_strdup_printf("-%s", options[i].name);
        add(words, text);
        if (options[i].group) {
            g_autofree char *group = g_strdup_printf("[%s", options[i].group);
            add(words, group);
        }
    }
}

static int compare(gconstpointer a, gconstpointer b)
{
    return strcmp(a, b);
}

int main(void)
{
    g_autoptr(GHashTable) words = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    daemon_register_types();
    add_schema(words);
    add_types(words);
    add_options(words);
    g_autoptr(GList) sorted = g_list_sort(g_hash_table_get_keys(words), compare);
    printf("# Made by fuzz/dictionary.c\n");
    for (GList *item = sorted; item; item = item->next) {
        g_autofree char *word = g_strescape(item->data, NULL);
        printf("\"%s\"\n\"\\\"%s\\\"\"\n", word, word);
    }
    return 0;
}
