/* SPDX-License-Identifier: BSD-3-Clause */
#include "qom/error.h"

#include <glib.h>
#include <string.h>

struct QomError {
    QomErrorClass error_class;
    char *message;
    char *hint;
};

static const char *const class_names[] = {
    [QOM_ERROR_GENERIC] = "GenericError",
    [QOM_ERROR_COMMAND_NOT_FOUND] = "CommandNotFound",
    [QOM_ERROR_DEVICE_NOT_ACTIVE] = "DeviceNotActive",
    [QOM_ERROR_DEVICE_NOT_FOUND] = "DeviceNotFound",
    [QOM_ERROR_KVM_MISSING_CAP] = "KVMMissingCap",
};

/* Texts repeat what peers have sent: more than this is cut, so that no error needs much memory. */
enum { MESSAGE_BYTES = 8192 };

/* What vprintf would print, for g_free(). */
G_GNUC_PRINTF(1, 0) static char *format_message(const char *fmt, va_list ap)
{
    static const char dots[] = "...";
    char text[MESSAGE_BYTES];
    int len = g_vsnprintf(text, sizeof(text), fmt, ap);
    if (len >= MESSAGE_BYTES) {
        char *end = text + MESSAGE_BYTES - sizeof(dots);
        while (((unsigned char)*end & 0xC0) == 0x80) {
            end--; /* not in the middle of a character */
        }
        memcpy(end, dots, sizeof(dots));
    }
    return g_strdup(text);
}

static bool set_message(QomError **errp, QomErrorClass error_class, char *message)
{
    if (!errp) {
        g_free(message);
        return false;
    }
    g_assert(!*errp);
    *errp = g_new0(QomError, 1);
    (*errp)->error_class = error_class;
    (*errp)->message = message;
    return false;
}

bool qom_error_set(QomError **errp, const char *fmt, ...)
{
    if (!errp) {
        return false;
    }
    va_list ap;
    va_start(ap, fmt);
    char *message = format_message(fmt, ap);
    va_end(ap);
    return set_message(errp, QOM_ERROR_GENERIC, message);
}

bool qom_error_set_class(QomError **errp, QomErrorClass error_class, const char *fmt, ...)
{
    if (!errp) {
        return false;
    }
    va_list ap;
    va_start(ap, fmt);
    char *message = format_message(fmt, ap);
    va_end(ap);
    return set_message(errp, error_class, message);
}

bool qom_error_set_errno(QomError **errp, int err, const char *fmt, ...)
{
    if (!errp) {
        return false;
    }
    va_list ap;
    va_start(ap, fmt);
    g_autofree char *text = format_message(fmt, ap);
    va_end(ap);
    return set_message(errp, QOM_ERROR_GENERIC, g_strconcat(text, ": ", g_strerror(err), NULL));
}

void qom_error_prefix(QomError **errp, const char *fmt, ...)
{
    if (!errp || !*errp) {
        return;
    }
    va_list ap;
    va_start(ap, fmt);
    g_autofree char *prefix = format_message(fmt, ap);
    va_end(ap);
    char *old = (*errp)->message;
    (*errp)->message = g_strconcat(prefix, old, NULL);
    g_free(old);
}

void qom_error_hint(QomError **errp, const char *fmt, ...)
{
    if (!errp || !*errp) {
        return;
    }
    va_list ap;
    va_start(ap, fmt);
    g_free((*errp)->hint);
    (*errp)->hint = format_message(fmt, ap);
    va_end(ap);
}

bool qom_error_propagate(QomError **errp, QomError *error)
{
    if (!errp) {
        qom_error_free(error);
        return false;
    }
    g_assert(!*errp);
    *errp = error;
    return false;
}

const char *qom_error_message(const QomError *error)
{
    return error->message;
}

const char *qom_error_get_hint(const QomError *error)
{
    return error->hint;
}

QomErrorClass qom_error_class(const QomError *error)
{
    return error->error_class;
}

const char *qom_error_class_name(QomErrorClass error_class)
{
    return class_names[error_class];
}

QomError *qom_error_copy(const QomError *error)
{
    QomError *copy = g_new0(QomError, 1);
    copy->error_class = error->error_class;
    copy->message = g_strdup(error->message);
    copy->hint = g_strdup(error->hint);
    return copy;
}

void qom_error_free(QomError *error)
{
    if (!error) {
        return;
    }
    g_free(error->message);
    g_free(error->hint);
    g_free(error);
}
