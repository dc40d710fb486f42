/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/log.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>

static const char *program = "qomd";
static bool timestamp;

void log_set_program(const char *argv0)
{
    const char *slash = argv0 ? strrchr(argv0, '/') : NULL;
    program = slash ? slash + 1 : argv0 ? argv0 : "qomd";
}

const char *log_program(void)
{
    return program;
}

void log_set_timestamp(bool on)
{
    timestamp = on;
}

/* One fputs a line, so that lines of several threads do not mix. */
static void put(const char *kind, const char *text)
{
    g_autofree char *when = NULL;
    if (timestamp) {
        g_autoptr(GDateTime) now = g_date_time_new_now_utc();
        when = g_date_time_format_iso8601(now);
    }
    g_autofree char *line =
        g_strdup_printf("%s%s%s: %s%s\n", when ? when : "", when ? " " : "", program, kind, text);
    fputs(line, stderr);
}

void log_error(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    g_autofree char *text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    put("", text);
}

void log_warn(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    g_autofree char *text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    put("warning: ", text);
}

void log_report(const char *context, const QomError *error)
{
    g_autofree char *prefix = context ? g_strconcat(context, ": ", NULL) : g_strdup("");
    put(prefix, qom_error_message(error));
    const char *hint = qom_error_get_hint(error);
    if (hint) {
        fprintf(stderr, "%s\n", hint);
    }
}
