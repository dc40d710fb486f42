/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `qom top`: what the server does, again and again; see top.h.
 *
 * On a terminal each picture is written over the one before in one go, on the alternate screen,
 * until `q` or a signal. Elsewhere the pictures follow one another, and the first comes when there
 * are rates to show.
 */
#include "client/top.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

enum { INTERVAL_MS = 1000, COLUMNS_USUAL = 80, ROWS_USUAL = 24 };

#define SCREEN_BEGIN "\033[?1049h\033[?25l"
#define SCREEN_END   "\033[?25h\033[?1049l"

typedef struct Top {
    Client *client;
    TopServer server;
    TopSample *shown, *before; /* the sample on the screen, and the one before it */
    bool screen;
    bool keys; /* stdin is a terminal, which was taken over */
    struct termios saved;
    int64_t interval_ms;
    uint64_t left; /* how many pictures are still wanted */
} Top;

/* A signal wants the end. */
static volatile sig_atomic_t ended;
/* Whose server is waited for, which no signal interrupts; else NULL. */
static const Top *_Atomic asking;

/* All that is called here is safe in a handler, see signal-safety(7). */
static void handle_signal(int number)
{
    const Top *top = asking;

    ended |= number != SIGWINCH; /* that one only wakes poll() */
    if (ended && top) {
        ssize_t n = write(STDOUT_FILENO, SCREEN_END, strlen(SCREEN_END));
        (void)n;
        if (top->keys) {
            tcsetattr(STDIN_FILENO, TCSANOW, &top->saved);
        }
        signal(number, SIG_DFL);
        raise(number); /* when we return */
    }
}

/* --- The terminal ---------------------------------------------------------------------------- */

static void begin_screen(Top *top)
{
    struct sigaction action = {.sa_handler = handle_signal};
    const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH};

    ended = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
        sigaction(numbers[i], &action, NULL);
    }
    top->keys = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &top->saved) == 0;
    if (top->keys) {
        struct termios raw = top->saved;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        raw.c_cc[VMIN] = 0;
        raw.c_cc[VTIME] = 0;
        raw.c_cc[VSUSP] = _POSIX_VDISABLE; /* a stopped program would leave its screen behind */
        tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    fputs(SCREEN_BEGIN, stdout);
}

static void end_screen(const Top *top)
{
    fputs(SCREEN_END, stdout);
    fflush(stdout);
    if (top->keys) {
        tcsetattr(STDIN_FILENO, TCSANOW, &top->saved);
    }
}

/* Writes the picture over the one before: each line is wiped behind its end, and what is below the
 * last one. */
static void draw_screen(const Top *top)
{
    struct winsize size = {0};
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GString) out = g_string_new("\033[H");

    ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    size_t columns = size.ws_col ? size.ws_col : COLUMNS_USUAL;
    size_t rows = size.ws_row ? size.ws_row : ROWS_USUAL;
    top_write_text(&top->client->printer, top->shown, columns, rows, text);
    for (const char *p = text->str; *p; p++) {
        if (*p == '\n') {
            g_string_append(out, "\033[K\n");
        } else {
            g_string_append_c(out, *p);
        }
    }
    g_string_truncate(out, out->len - 1); /* the last row must not scroll */
    g_string_append(out, "\033[J");
    fwrite(out->str, 1, out->len, stdout);
    fflush(stdout);
}

static void show(const Top *top)
{
    if (top->screen) {
        draw_screen(top);
    } else if (client_json(top->client)) {
        JSON_AUTO_WRITER(w);
        w = json_writer_new(false);
        top_write_json(w, top->shown);
        print_json(w);
    } else {
        g_autoptr(GString) text = g_string_new(NULL);
        top_write_text(&top->client->printer, top->shown, 0, 0, text);
        fputs(text->str, stdout);
        fputs(top->left > 1 ? "\n" : "", stdout);
    }
}

/* --- Time ------------------------------------------------------------------------------------ */

/* Whether `q` was pressed. */
static bool take_keys(void)
{
    char keys[64];
    ssize_t n = read(STDIN_FILENO, keys, sizeof(keys));
    return n > 0 && memchr(keys, 'q', (size_t)n);
}

/* Waits for the next picture's time. False: it is over, with *errp if the connection has failed. */
static bool wait_interval(Top *top, QomError **errp)
{
    Connection *c = top->client->connection;
    int64_t deadline_us = top->shown->time_us + top->interval_ms * 1000;

    for (;;) {
        if (!connection_wait(c, 0, errp)) { /* events are of no interest */
            return false;
        }
        int64_t left_us = deadline_us - g_get_monotonic_time();
        if (left_us <= 0) {
            return true;
        }
        struct pollfd fds[] = {{connection_fd(c), POLLIN, 0},
                               {STDOUT_FILENO, 0, 0},
                               {top->keys ? STDIN_FILENO : -1, POLLIN, 0}};
        int n = poll(fds, G_N_ELEMENTS(fds), (int)MIN((left_us + 999) / 1000, G_MAXINT));
        if (ended || (n > 0 && fds[1].revents) || (n > 0 && fds[2].revents && take_keys())) {
            return false;
        }
        if (n < 0 && top->screen) {
            draw_screen(top); /* the size has changed */
        }
    }
}

static bool take_sample(Top *top, QomError **errp)
{
    top_sample_free(top->before);
    top->before = top->shown;
    asking = top->screen ? top : NULL;
    top->shown = ended ? NULL : top_sample_take(&top->server, errp);
    asking = NULL;
    if (top->shown) {
        top_compare(top->shown, top->before);
    }
    return top->shown != NULL;
}

/* Until it is over, with *errp if the connection has failed. */
static void run(Top *top, QomError **errp)
{
    if (!take_sample(top, errp)) {
        return;
    }
    if (top->screen) {
        draw_screen(top);
    }
    while (top->left > 0 && wait_interval(top, errp) && take_sample(top, errp)) {
        show(top);
        top->left--;
        if (fflush(stdout) != 0) {
            return; /* client_main() tells */
        }
    }
}

int cmd_top(Client *client, char **operands, size_t n)
{
    Top top = {.client = client};
    double interval = INTERVAL_MS;
    int status;
    QOM_AUTO_ERROR(err);

    if (!client_option_count(client, &top.left) ||
        !client_option_number(client, CLIENT_OPT_INTERVAL, G_MAXINT, &interval)) {
        return CLIENT_USAGE;
    }
    if (client->option[CLIENT_OPT_ONCE]) {
        if (client->option[CLIENT_OPT_COUNT]) {
            return client_usage(client, "--once and --count exclude each other");
        }
        top.left = 1;
    }
    top.interval_ms = MAX((int64_t)interval, 1);
    top.screen = client->printer.terminal && !client_json(client) && top.left == UINT64_MAX;
    if (!client_connect(client, &status)) {
        return status;
    }
    top.server.connection = client->connection;
    if (top.screen) {
        begin_screen(&top);
    }
    run(&top, &err);
    if (top.screen) {
        end_screen(&top);
    }
    top_sample_free(top.shown);
    top_sample_free(top.before);
    return err ? client_fail(client, NULL, g_steal_pointer(&err)) : CLIENT_OK;
}
