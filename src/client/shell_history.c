/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The history of `qom shell`, see shell.h: $XDG_STATE_HOME/qom/history, a line for each command,
 * for its owner alone. Lines are appended, so that shells that run side by side keep all of theirs;
 * the one that loads a file that has grown long shortens it.
 */
#include "client/shell.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEEP_LINES = 1000, FILE_BYTES_MAX = 1 << 20 };

/* `data` as a word of its own: of a secret, and of all else that calls something so. */
static bool has_word(const char *line, const char *word)
{
    size_t len = strlen(word);
    for (const char *p = line; (p = strstr(p, word)); p += len) {
        bool begins = p == line || !(g_ascii_isalnum(p[-1]) || p[-1] == '-' || p[-1] == '_');
        bool ends = !(g_ascii_isalnum(p[len]) || p[len] == '-' || p[len] == '_');
        if (begins && ends) {
            return true;
        }
    }
    return false;
}

bool shell_is_private(const char *line)
{
    static const char *const parts[] = {"passw", "passphrase", "credential"};
    g_autofree char *lower = g_utf8_strdown(line, -1);

    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        if (strstr(lower, parts[i])) {
            return true;
        }
    }
    return has_word(lower, "data") || strstr(lower, "\\u"); /* an escape could hide a word */
}

static char *history_path(void)
{
    return g_build_filename(g_get_user_state_dir(), "qom", "history", NULL);
}

/* Writes the newest lines over the file, by way of another one. */
static void shorten(const char *path, const GPtrArray *lines)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = lines->len - KEEP_LINES; i < lines->len; i++) {
        g_string_append_printf(text, "%s\n", (const char *)lines->pdata[i]);
    }
    g_file_set_contents_full(path, text->str, (gssize)text->len, G_FILE_SET_CONTENTS_CONSISTENT,
                             0600, NULL);
}

GPtrArray *shell_history_load(void)
{
    g_autofree char *path = history_path();
    g_autofree char *text = NULL;
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);

    if (!g_file_get_contents(path, &text, NULL, NULL)) {
        return lines;
    }
    g_auto(GStrv) parts = g_strsplit(text, "\n", -1);
    for (char **part = parts; *part; part++) {
        if (**part && g_utf8_validate(*part, -1, NULL)) {
            g_ptr_array_add(lines, g_strdup(*part));
        }
    }
    if (lines->len > 2 * KEEP_LINES || (strlen(text) > FILE_BYTES_MAX && lines->len > KEEP_LINES)) {
        shorten(path, lines);
        g_ptr_array_remove_range(lines, 0, lines->len - KEEP_LINES);
    }
    return lines;
}

void shell_history_append(const char *line)
{
    g_autofree char *path = history_path();
    g_autofree char *folder = g_path_get_dirname(path);
    g_autofree char *text = g_strconcat(line, "\n", NULL);

    if (g_mkdir_with_parents(folder, 0700) < 0) {
        return;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return;
    }
    ssize_t n = write(fd, text, strlen(text));
    (void)n; /* a full disk costs the line */
    close(fd);
}
