/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Line editing for `qom shell` by way of libedit; see shell.h.
 *
 * libedit asks us for each character, and while we wait for one we wait for the server as well. An
 * event that comes then is written where the edited line begins, and the line is drawn again below.
 */
#include "client/shell.h"

#include <errno.h>
#include <histedit.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

enum { HISTORY_LINES = 1000, SHOWN_MAX = 200, COLUMNS_USUAL = 80 };

typedef struct EditReader {
    ShellReader reader;
    Client *client;
    EditLine *el;
    History *history;
    const char *before; /* the lines before this one, of the same value */
    bool editing;       /* a line is on the screen */
    bool cancelled;
    QomError *gone; /* why the connection has failed */
} EditReader;

static EditReader *reader_of(EditLine *el)
{
    void *data = NULL;
    el_get(el, EL_CLIENTDATA, &data);
    return data;
}

static char *prompt(EditLine *el)
{
    return (char *)shell_prompt(reader_of(el)->before);
}

static size_t terminal_columns(void)
{
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col
                                                                           : COLUMNS_USUAL;
}

/* --- Reading --------------------------------------------------------------------------------- */

/* Waits until a key was pressed; false: the connection has failed. */
static bool wait_for_key(EditReader *r)
{
    Connection *c = r->client->connection;
    for (;;) {
        if (!connection_wait(c, 0, &r->gone)) {
            return false;
        }
        struct pollfd fds[] = {{STDIN_FILENO, POLLIN, 0}, {connection_fd(c), POLLIN, 0}};
        if (poll(fds, G_N_ELEMENTS(fds), -1) > 0 && fds[0].revents) {
            return true;
        }
        el_resize(r->el); /* a signal may have told of another size */
    }
}

/* libedit's source of characters: 1, or 0 at the end. */
static int read_character(EditLine *el, wchar_t *wide)
{
    EditReader *r = reader_of(el);
    mbstate_t state = {0};
    for (;;) {
        char c;
        if (!wait_for_key(r)) {
            return 0;
        }
        ssize_t n = read(STDIN_FILENO, &c, 1);
        if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
            continue;
        }
        if (n <= 0) {
            return 0;
        }
        if (c == '\0') {
            c = 'D' & 0x1f; /* what becomes of a Ctrl-D typed before libedit had the terminal */
        }
        size_t used = mbrtowc(wide, &c, 1, &state);
        if (used == 1) {
            return 1;
        }
        if (used == (size_t)-1) {
            memset(&state, 0, sizeof(state)); /* no character: dropped */
        }
    }
}

static ShellRead edit_next(ShellReader *reader, const char *before, char **line, QomError **errp)
{
    EditReader *r = (EditReader *)reader;
    int n = 0;

    r->before = before;
    r->cancelled = false;
    r->editing = true;
    fflush(stdout);
    const char *text = el_gets(r->el, &n);
    r->editing = false;
    if (r->gone) {
        putchar('\n');
        qom_error_propagate(errp, g_steal_pointer(&r->gone));
        return SHELL_GONE;
    }
    if (r->cancelled) {
        return SHELL_CANCELLED;
    }
    if (!text || n <= 0) {
        putchar('\n');
        return SHELL_END;
    }
    *line = g_strndup(text, strcspn(text, "\r\n"));
    return SHELL_LINE;
}

/* Ctrl-C. */
static unsigned char cancel(EditLine *el, int key)
{
    reader_of(el)->cancelled = true;
    fputs("^C\n", stdout);
    return CC_NEWLINE;
}

/* --- Printing -------------------------------------------------------------------------------- */

/* Goes to the beginning of the edited line, which may take several rows, and wipes it off. */
static void wipe_line(EditReader *r)
{
    const LineInfo *info = el_line(r->el);
    g_autofree char *left = g_strndup(info->buffer, (size_t)(info->cursor - info->buffer));
    size_t rows = (strlen(shell_prompt(r->before)) + print_width(left)) / terminal_columns();

    putchar('\r');
    if (rows > 0) {
        printf("\033[%zuA", rows);
    }
    fputs("\033[J", stdout);
}

static void edit_print(ShellReader *reader, const char *text)
{
    EditReader *r = (EditReader *)reader;
    if (r->editing) {
        wipe_line(r);
    }
    puts(text);
    if (r->editing) {
        el_set(r->el, EL_REFRESH);
    }
    fflush(stdout);
}

/* --- Completion ------------------------------------------------------------------------------ */

/* How many bytes of whole characters all words have in common. */
static size_t common_length(const GPtrArray *words)
{
    const char *first = words->pdata[0];
    size_t len = strlen(first);
    for (guint i = 1; i < words->len; i++) {
        const char *word = words->pdata[i];
        size_t same = 0;
        while (same < len && word[same] == first[same]) {
            same++;
        }
        len = same;
    }
    while (len > 0 && ((unsigned char)first[len] & 0xC0) == 0x80) {
        len--;
    }
    return len;
}

/* Shows the words below the line, in columns. */
static void show_words(const EditReader *r, const GPtrArray *words)
{
    guint n = MIN(words->len, SHOWN_MAX);
    size_t width = 0;
    for (guint i = 0; i < n; i++) {
        width = MAX(width, print_width(g_strchomp(words->pdata[i])) + 2);
    }
    guint columns = (guint)MAX(terminal_columns() / width, 1);
    guint rows = (n + columns - 1) / columns;

    putchar('\n');
    for (guint row = 0; row < rows; row++) {
        for (guint i = row; i < n; i += rows) {
            const char *word = words->pdata[i];
            printf("%s%*s", word, i + rows < n ? (int)(width - print_width(word)) : 0, "");
        }
        putchar('\n');
    }
    if (words->len > n) {
        printf("... and %u more\n", words->len - n);
    }
}

static gint compare_words(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Tab. */
static unsigned char complete(EditLine *el, int key)
{
    EditReader *r = reader_of(el);
    g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
    const LineInfo *info = el_line(el);
    g_autofree char *left = g_strndup(info->buffer, (size_t)(info->cursor - info->buffer));
    g_autofree char *text = g_strconcat(r->before, left, NULL);
    ShellWords split;

    shell_split(&split, text);
    size_t typed = strlen(text) - split.start;
    bool plain = !split.open && !split.quoted;
    shell_words_clear(&split);
    if (plain) {
        shell_complete(r->client, text, words);
    }
    if (words->len == 0) {
        return CC_REFRESH_BEEP;
    }
    size_t common = common_length(words);
    if (common > typed) {
        g_autofree char *rest = g_strndup((char *)words->pdata[0] + typed, common - typed);
        return el_insertstr(el, rest) == 0 ? CC_REFRESH : CC_REFRESH_BEEP;
    }
    g_ptr_array_sort(words, compare_words);
    show_words(r, words);
    return CC_REDISPLAY;
}

/* --- Beginning and end ----------------------------------------------------------------------- */

static void edit_remember(ShellReader *reader, const char *line)
{
    EditReader *r = (EditReader *)reader;
    g_autofree char *flat = g_strchomp(g_strdelimit(g_strdup(line), "\r\n", ' '));
    HistEvent event;

    if (shell_is_private(flat)) {
        return;
    }
    history(r->history, &event, H_ENTER, flat);
    shell_history_append(flat);
}

static void edit_free(ShellReader *reader)
{
    EditReader *r = (EditReader *)reader;
    el_end(r->el);
    history_end(r->history);
    qom_error_free(r->gone);
    g_free(r);
}

static void load_history(EditReader *r)
{
    HistEvent event;
    g_autoptr(GPtrArray) lines = shell_history_load();

    history(r->history, &event, H_SETSIZE, HISTORY_LINES);
    history(r->history, &event, H_SETUNIQUE, 1);
    for (guint i = 0; i < lines->len; i++) {
        history(r->history, &event, H_ENTER, lines->pdata[i]);
    }
}

/* Keys as people know them; ~/.editrc, read last, may have it otherwise. */
static void set_up(EditReader *r)
{
    EditLine *el = r->el;
    el_set(el, EL_CLIENTDATA, r);
    el_set(el, EL_PROMPT, prompt);
    el_set(el, EL_GETCFN, read_character);
    el_set(el, EL_HIST, history, r->history);
    el_set(el, EL_EDITOR, "emacs");
    /* Ctrl-C is a key while a line is edited; at other times it ends the program. */
    el_set(el, EL_SETTY, "-d", "-isig", NULL);
    el_set(el, EL_ADDFN, "qom-complete", "complete the word", complete);
    el_set(el, EL_ADDFN, "qom-cancel", "give the line up", cancel);
    el_set(el, EL_BIND, "^I", "qom-complete", NULL);
    el_set(el, EL_BIND, "^C", "qom-cancel", NULL);
    el_set(el, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_set(el, EL_BIND, "\\e[3~", "ed-delete-next-char", NULL);
    el_set(el, EL_BIND, "\\e[1;5C", "em-next-word", NULL);
    el_set(el, EL_BIND, "\\e[1;5D", "ed-prev-word", NULL);
    el_source(el, NULL);
}

ShellReader *shell_edit_new(Client *client)
{
    const char *term = g_getenv("TERM");
    if (!term || !strcmp(term, "dumb")) {
        return NULL;
    }
    EditLine *el = el_init("qom", stdin, stdout, stderr);
    if (!el) {
        return NULL;
    }
    EditReader *r = g_new0(EditReader, 1);
    r->reader = (ShellReader){edit_next, edit_print, edit_remember, edit_free};
    r->client = client;
    r->el = el;
    r->before = "";
    r->history = history_init();
    load_history(r);
    set_up(r);
    return &r->reader;
}
