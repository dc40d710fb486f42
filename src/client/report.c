/* SPDX-License-Identifier: BSD-3-Clause */
/* Errors on stderr: `qom: CONTEXT: CLASS: message`, or with --json one line
 * {"error": {"class": CLASS, "desc": message}}. Warnings likewise, as {"warning": message}. The
 * text may come from a server: it is escaped. */
#include "client/client.h"

#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

void client_warn(const Client *client, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    g_autofree char *message = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    if (client_json(client)) {
        JSON_AUTO_WRITER(w);
        w = json_writer_new(false);
        json_writer_begin_object(w);
        json_writer_key(w, "warning");
        json_writer_string(w, message);
        json_writer_end_object(w);
        fprintf(stderr, "%s\n", json_writer_text(w, NULL));
        return;
    }
    g_autoptr(GString) text = g_string_new(NULL);
    print_escaped(text, message, !client->printer.utf8);
    fflush(stdout);
    log_warn("%s", text->str);
}

static void report_json(const char *name, const char *message)
{
    JSON_AUTO_WRITER(w);
    w = json_writer_new(false);
    json_writer_begin_object(w);
    json_writer_key(w, "error");
    json_writer_begin_object(w);
    json_writer_key(w, "class");
    json_writer_string(w, name);
    json_writer_key(w, "desc");
    json_writer_string(w, message);
    json_writer_end_object(w);
    json_writer_end_object(w);
    fprintf(stderr, "%s\n", json_writer_text(w, NULL));
}

/* @name: the class as JSON tells it, @shown: also to a person. */
static void report(const Client *client, const char *context, const char *name, bool shown,
                   const char *message)
{
    if (client_json(client)) {
        report_json(name, message);
        return;
    }
    g_autoptr(GString) text = g_string_new(NULL);
    if (context) {
        print_escaped(text, context, !client->printer.utf8);
        g_string_append(text, ": ");
    }
    if (shown) {
        g_string_append_printf(text, "%s: ", name);
    }
    print_escaped(text, message, !client->printer.utf8);
    fflush(stdout); /* what came before the error stays before it */
    log_error("%s", text->str);
}

int client_usage(const Client *client, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    g_autofree char *message = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    report(client, NULL, "Usage", false, message);
    return CLIENT_USAGE;
}

int client_usage_error(const Client *client, const char *context, QomError *err)
{
    report(client, context, "Usage", false, qom_error_message(err));
    qom_error_free(err);
    return CLIENT_USAGE;
}

static int status_of_class(QomErrorClass error_class)
{
    switch (error_class) {
    case QOM_ERROR_COMMAND_NOT_FOUND: return CLIENT_COMMAND_NOT_FOUND;
    case QOM_ERROR_DEVICE_NOT_FOUND: return CLIENT_DEVICE_NOT_FOUND;
    case QOM_ERROR_DEVICE_NOT_ACTIVE: return CLIENT_DEVICE_NOT_ACTIVE;
    case QOM_ERROR_KVM_MISSING_CAP: return CLIENT_KVM_MISSING_CAP;
    case QOM_ERROR_GENERIC: break;
    }
    return CLIENT_GENERIC_ERROR;
}

int client_fail(const Client *client, const char *context, QomError *err)
{
    bool lost = !client->connection || connection_broken(client->connection);
    QomErrorClass error_class = qom_error_class(err);
    report(client, context, lost ? "Connection" : qom_error_class_name(error_class), !lost,
           qom_error_message(err));
    const char *hint = qom_error_get_hint(err);
    if (hint && !client_json(client)) {
        fputs(hint, stderr);
    }
    qom_error_free(err);
    return lost ? CLIENT_CONNECTION : status_of_class(error_class);
}

void client_write_error(JsonWriter *w, const QomError *err)
{
    json_writer_begin_object(w);
    json_writer_key(w, "class");
    json_writer_string(w, qom_error_class_name(qom_error_class(err)));
    json_writer_key(w, "desc");
    json_writer_string(w, qom_error_message(err));
    json_writer_end_object(w);
}
