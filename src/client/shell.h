/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `qom shell`, its rooms: cmd_shell.c goes from line to line; shell_words.c takes a line apart;
 * shell_complete.c and shell_path.c say how a word may go on; shell_history.c keeps what was typed;
 * shell_edit.c reads from a terminal by way of libedit, shell_plain.c from anything. One thread.
 */
#ifndef CLIENT_SHELL_H
#define CLIENT_SHELL_H

#include "client/client.h"

/* --- shell_words.c --------------------------------------------------------------------------- */

typedef struct ShellWords {
    GPtrArray *words; /* of char *, without their quotes */
    size_t start;     /* where in the text the last word begins; its length if a blank is last */
    bool open;        /* a quote, a bracket or a brace is not closed */
    bool quoted;      /* the last word is not in the text as it stands in words */
} ShellWords;

/*
 * Takes @text apart at blanks. As in a POSIX shell '...' and "..." keep blanks together and a
 * backslash takes the next character as it is; but JSON in braces or brackets, at the beginning of
 * a word or behind its `=`, is one word as it stands.
 */
void shell_split(ShellWords *words, const char *text);
/* Nothing if @words is all zero. */
void shell_words_clear(ShellWords *words);

/* --- shell_complete.c, shell_path.c ---------------------------------------------------------- */

/*
 * Adds to @out (strings, freed by it) what the last word of @text may become, all of it: the words
 * begin as that word does. One that ends in a blank is finished. Asks the server.
 */
void shell_complete(Client *client, const char *text, GPtrArray *out);

/* The same for a line that has been taken apart; the last of @n words, at least one, goes on. */
void shell_complete_words(Client *client, const char *const *words, size_t n, GPtrArray *out);

/* The same for the last operand of a subcommand; @words: the subcommand and its operands, the last
 * one to be completed. */
void shell_complete_operand(Client *client, const char *const *words, size_t n, GPtrArray *out);

/* The values of the argument @key=@value of a QMP command, when the schema says no more than that
 * they are strings; @words: other arguments, as KEY=VALUE. */
void shell_complete_string(Client *client, const char *command, const char *const *words, size_t n,
                           const char *key, const char *value, const char *prefix, GPtrArray *out);

/* Paths of objects; @properties: and PATH.PROPERTY. */
void shell_complete_path(Client *client, const char *word, bool properties, GPtrArray *out);
/* Names of types, also abstract ones, that implement @implements (NULL: any). */
void shell_complete_type(Client *client, const char *word, const char *implements, GPtrArray *out);
/* Ids of what users have created. */
void shell_complete_id(Client *client, const char *word, GPtrArray *out);
/* Names of properties of the object at @path. */
void shell_complete_property(Client *client, const char *path, const char *word, GPtrArray *out);
/* Values that the property can have, if they have names. */
void shell_complete_value(Client *client, const char *path, const char *property, const char *word,
                          GPtrArray *out);

/* Adds @prefix@name@suffix if @name begins like @word and can stand in a line as it is. */
void shell_offer(GPtrArray *out, const char *word, const char *prefix, const char *name,
                 const char *suffix);

/* --- shell_history.c ------------------------------------------------------------------------- */

/* Whether a line may hold a password or the data of a secret, and so is never kept. */
bool shell_is_private(const char *line);

/* The lines of the history file, oldest first; empty if there is none. */
GPtrArray *shell_history_load(void);
/* Appends @line to the file, which is made if need be, for its owner alone. What goes wrong is not
 * told: a history is a convenience. */
void shell_history_append(const char *line);

/* --- Reading --------------------------------------------------------------------------------- */

typedef enum ShellRead {
    SHELL_LINE,
    SHELL_END,       /* nothing comes any more; with *errp if it could not be read */
    SHELL_CANCELLED, /* Ctrl-C: what was typed so far is given up */
    SHELL_GONE,      /* the connection has failed */
} ShellRead;

typedef struct ShellReader ShellReader;

struct ShellReader {
    /* Reads a line, without its end, into *line, new memory; meanwhile events go to the
     * connection's callback. @before: the lines of the same value that came before, or "". With
     * SHELL_GONE *errp is set. */
    ShellRead (*next)(ShellReader *reader, const char *before, char **line, QomError **errp);
    /* Writes @text, a line without its end, so that what is being typed stays whole. */
    void (*print)(ShellReader *reader, const char *text);
    /* Keeps @line, several lines of it as one, for the arrow keys. */
    void (*remember)(ShellReader *reader, const char *line);
    void (*free)(ShellReader *reader);
};

/* From standard input; @terminal: with prompts. Never NULL. */
ShellReader *shell_plain_new(Client *client, bool terminal);
/* From a terminal, with line editing; NULL: this build or this terminal has none. */
ShellReader *shell_edit_new(Client *client);

/* The prompt for a line behind @before. */
static inline const char *shell_prompt(const char *before)
{
    return *before ? "...> " : "qom> ";
}

#endif
