/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Completion for bash and zsh; see client_complete() and the folder completions. The rules for
 * operands are those of `qom shell`; here are the options and the names of subcommands, for which
 * no server is needed. A server that does not answer at once is as good as none: a shell waits for
 * us.
 */
#include "client/shell.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE_MS = 500 };

/* A command line as far as it goes. */
typedef struct Line {
    Client *client;
    GPtrArray *operands; /* of const char *: the subcommand and its operands */
    const char *address;
    const char *word; /* the last one */
    int option;       /* whose value the last word is, or -1 */
} Line;

/* Sorts the words but the last. */
static void read_words(Line *line, char **words, size_t n)
{
    const char *value;
    for (size_t i = 0; i + 1 < n; i++) {
        bool takes = false;
        int option = words[i][0] == '-' && words[i][1] ? client_find_option(words[i], &value) : -1;
        if (option >= 0) {
            client_option_name((ClientOption)option, &takes);
        }
        if (option < 0) {
            if (words[i][0] != '-') {
                g_ptr_array_add(line->operands, words[i]);
            }
            continue;
        }
        if (takes && !value && i + 2 == n) {
            line->option = option;
        } else if (takes && !value) {
            value = words[++i];
        }
        line->address = option == CLIENT_OPT_SOCKET && value ? value : line->address;
    }
    line->word = words[n - 1];
}

/* Quietly. */
static bool connect_quickly(Line *line)
{
    const char *address = line->address ? line->address : getenv("QMP_SOCKET");
    if (!line->client->connection && address && *address) {
        line->client->connection = connection_open(address, PATIENCE_MS, NULL);
    }
    return line->client->connection != NULL;
}

/* The names of the options that the subcommand takes (all, if there is none yet). */
static void complete_option(const Line *line, GPtrArray *out)
{
    const ClientCommand *command =
        line->operands->len > 0 ? client_find_command(line->operands->pdata[0]) : NULL;
    unsigned set = ((1u << CLIENT_OPT_GLOBAL) - 1) | (command ? command->options : 0);

    for (int i = 0; i < CLIENT_OPTIONS; i++) {
        bool takes;
        const char *name = client_option_name((ClientOption)i, &takes);
        if (set & (1u << i)) {
            shell_offer(out, line->word, "--", name, takes ? "=" : " ");
        }
    }
}

/* @word: the value so far; @prefix: what stands before it in the same word. */
static void complete_value(Line *line, int option, const char *word, const char *prefix,
                           GPtrArray *out)
{
    static const char *const colours[] = {"auto", "always", "never"};
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);

    for (size_t i = 0; option == CLIENT_OPT_COLOR && i < G_N_ELEMENTS(colours); i++) {
        shell_offer(found, word, "", colours[i], " ");
    }
    if (option == CLIENT_OPT_IMPLEMENTS && connect_quickly(line)) {
        shell_complete_type(line->client, word, NULL, found);
    } else if (option == CLIENT_OPT_PATH && connect_quickly(line)) {
        shell_complete_path(line->client, word, false, found);
    }
    for (guint i = 0; i < found->len; i++) {
        g_ptr_array_add(out, g_strconcat(prefix, found->pdata[i], NULL));
    }
}

static void complete_operand(Line *line, GPtrArray *out)
{
    const ClientCommand *command;

    if (line->operands->len == 0) {
        for (size_t i = 0; (command = client_command(i)); i++) {
            shell_offer(out, line->word, "", command->name, " ");
        }
        shell_offer(out, line->word, "", "help", " ");
        return;
    }
    /* Words of shell_complete_words() that are no subcommands are QMP commands, which a shell does
     * not run. */
    command = client_find_command(line->operands->pdata[0]);
    if (command && connect_quickly(line)) {
        g_ptr_array_add(line->operands, (gpointer)line->word);
        shell_complete_words(line->client, (const char *const *)line->operands->pdata,
                             line->operands->len, out);
    }
}

static void complete_line(Line *line, GPtrArray *out)
{
    const char *value = NULL;
    bool dashes = line->word[0] == '-';
    int option = dashes && line->word[1] ? client_find_option(line->word, &value) : -1;

    if (line->option >= 0) {
        complete_value(line, line->option, line->word, "", out);
    } else if (option >= 0 && value) {
        g_autofree char *prefix = g_strndup(line->word, (size_t)(value - line->word));
        complete_value(line, option, value, prefix, out);
    } else if (dashes) {
        complete_option(line, out);
    } else {
        complete_operand(line, out);
    }
}

/* Whether a shell takes @word as it is: names come from a server, and what is completed is run with
 * the next key. */
static bool is_harmless(const char *word)
{
    static const char fine[] = "_./=:,@%+-[] ";
    for (const char *c = word; *c; c++) {
        if (!g_ascii_isalnum(*c) && !strchr(fine, *c) && (unsigned char)*c < 0x80) {
            return false;
        }
    }
    return true;
}

int client_complete(Client *client, const char *text)
{
    g_autoptr(GPtrArray) operands = g_ptr_array_new();
    g_autoptr(GPtrArray) out = g_ptr_array_new_with_free_func(g_free);
    __attribute__((cleanup(shell_words_clear))) ShellWords split = {0};
    Line line = {.client = client, .operands = operands, .option = -1};

    if (!g_utf8_validate(text, -1, NULL)) {
        return CLIENT_OK;
    }
    shell_split(&split, text);
    if (text[split.start] == '\0') {
        g_ptr_array_add(split.words, g_strdup("")); /* a word that begins here */
    }
    if (split.words->len < 2) {
        return CLIENT_OK; /* the first is our own name */
    }
    read_words(&line, (char **)split.words->pdata + 1, split.words->len - 1);
    complete_line(&line, out);
    for (guint i = 0; i < out->len; i++) {
        if (is_harmless(out->pdata[i])) {
            puts(out->pdata[i]);
        }
    }
    return CLIENT_OK;
}
