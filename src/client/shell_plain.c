/* SPDX-License-Identifier: BSD-3-Clause */
/* Lines for `qom shell` from a pipe, a file, or a terminal without line editing; see shell.h. */
#include "client/shell.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A line that is longer ends the input. */
enum { LINE_MAX_BYTES = 64 << 20, PIECE_BYTES = 65536 };

typedef struct PlainReader {
    ShellReader reader;
    Client *client;
    bool terminal;
    bool ended;
    const char *wrong;  /* why what follows is not read, or NULL */
    const char *prompt; /* shown now, or NULL */
    GString *input;     /* read, but not handed out yet */
} PlainReader;

/* Takes a whole line off the input; NULL: there is none. The last one may lack its end. */
static char *take_line(PlainReader *r)
{
    const char *end = memchr(r->input->str, '\n', r->input->len);
    if (!end && (!r->ended || r->wrong || r->input->len == 0)) {
        return NULL;
    }
    size_t len = end ? (size_t)(end - r->input->str) : r->input->len;
    char *line = g_strndup(r->input->str, len);
    g_string_erase(r->input, 0, (gssize)(len + (end ? 1 : 0)));
    return line;
}

/* Reads what is there. */
static void fill(PlainReader *r)
{
    char piece[PIECE_BYTES];
    ssize_t n = read(STDIN_FILENO, piece, sizeof(piece));
    const char *nul = n > 0 ? memchr(piece, '\0', (size_t)n) : NULL;
    if (n > 0) {
        g_string_append_len(r->input, piece, nul ? nul - piece : n);
    }
    if (nul) {
        r->wrong = "what was read is no text";
    } else if (r->input->len > LINE_MAX_BYTES && !memchr(r->input->str, '\n', r->input->len)) {
        r->wrong = "a line is too long";
    }
    r->ended = r->wrong || n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN);
}

/* Waits until there is input; false: the connection has failed. */
static bool wait_for_input(PlainReader *r, QomError **errp)
{
    Connection *c = r->client->connection;
    for (;;) {
        if (!connection_wait(c, 0, errp)) {
            return false;
        }
        fflush(stdout);
        struct pollfd fds[] = {{STDIN_FILENO, POLLIN, 0}, {connection_fd(c), POLLIN, 0}};
        if (poll(fds, G_N_ELEMENTS(fds), -1) > 0 && fds[0].revents) {
            return true;
        }
    }
}

static ShellRead plain_next(ShellReader *reader, const char *before, char **line, QomError **errp)
{
    PlainReader *r = (PlainReader *)reader;
    r->prompt = r->terminal ? shell_prompt(before) : "";
    fputs(r->prompt, stdout);
    while (!(*line = take_line(r))) {
        if (r->ended) {
            r->prompt = NULL;
            if (r->wrong) {
                qom_error_set(errp, "%s", r->wrong);
            }
            return SHELL_END;
        }
        if (!wait_for_input(r, errp)) {
            return SHELL_GONE;
        }
        fill(r);
    }
    r->prompt = NULL;
    return SHELL_LINE;
}

static void plain_print(ShellReader *reader, const char *text)
{
    const PlainReader *r = (const PlainReader *)reader;
    /* The terminal has what is being typed, not we; a line below is the best that can be done. */
    printf("%s%s\n%s", r->prompt && *r->prompt ? "\n" : "", text, r->prompt ? r->prompt : "");
    fflush(stdout);
}

static void plain_remember(ShellReader *reader, const char *line)
{
}

static void plain_free(ShellReader *reader)
{
    PlainReader *r = (PlainReader *)reader;
    g_string_free(r->input, TRUE);
    g_free(r);
}

ShellReader *shell_plain_new(Client *client, bool terminal)
{
    PlainReader *r = g_new0(PlainReader, 1);
    r->reader = (ShellReader){plain_next, plain_print, plain_remember, plain_free};
    r->client = client;
    r->terminal = terminal;
    r->input = g_string_new(NULL);
    return &r->reader;
}
