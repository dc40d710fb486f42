/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Errors: what went wrong, for a person (message, hint) and for a program (class).
 *
 * The convention is that of GError: a function that can fail takes `QomError **errp` as its last
 * parameter and returns false or NULL when it sets it. `errp` may be NULL when the caller does not
 * care; otherwise `*errp` must be NULL before the call. A message names the thing, the value and
 * what was expected.
 */
#ifndef QOM_ERROR_H
#define QOM_ERROR_H

#include <stdarg.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define QOM_PUBLIC            __attribute__((visibility("default")))
#define QOM_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define QOM_PUBLIC
#define QOM_PRINTF(fmt, args)
#endif

/* The error classes of QMP (the schema's QapiErrorClass, in its order). */
typedef enum QomErrorClass {
    QOM_ERROR_GENERIC,
    QOM_ERROR_COMMAND_NOT_FOUND,
    QOM_ERROR_DEVICE_NOT_ACTIVE,
    QOM_ERROR_DEVICE_NOT_FOUND,
    QOM_ERROR_KVM_MISSING_CAP,
} QomErrorClass;

typedef struct QomError QomError;

/* Sets *errp to a new GenericError. Always returns false, so that `return qom_error_set(...)` reads
 * well in functions that return bool. */
QOM_PUBLIC bool qom_error_set(QomError **errp, const char *fmt, ...) QOM_PRINTF(2, 3);

/* The same with a class. */
QOM_PUBLIC bool qom_error_set_class(QomError **errp, QomErrorClass error_class, const char *fmt,
                                    ...) QOM_PRINTF(3, 4);

/* The same, ending in ": " and the text of the errno value @err. */
QOM_PUBLIC bool qom_error_set_errno(QomError **errp, int err, const char *fmt, ...)
    QOM_PRINTF(3, 4);

/* Puts text before the message of *errp; nothing if errp or *errp is NULL. */
QOM_PUBLIC void qom_error_prefix(QomError **errp, const char *fmt, ...) QOM_PRINTF(2, 3);

/* Sets the hint of *errp: lines for a person at a terminal, never sent over QMP. */
QOM_PUBLIC void qom_error_hint(QomError **errp, const char *fmt, ...) QOM_PRINTF(2, 3);

/* Moves @error into @errp (or frees it if errp is NULL). Always returns false. */
QOM_PUBLIC bool qom_error_propagate(QomError **errp, QomError *error);

QOM_PUBLIC const char *qom_error_message(const QomError *error);
/* The hint or NULL. */
QOM_PUBLIC const char *qom_error_get_hint(const QomError *error);
QOM_PUBLIC QomErrorClass qom_error_class(const QomError *error);
/* The class as QMP spells it, for example "DeviceNotFound". */
QOM_PUBLIC const char *qom_error_class_name(QomErrorClass error_class);
QOM_PUBLIC QomError *qom_error_copy(const QomError *error);
/* Frees @error; NULL is fine. */
QOM_PUBLIC void qom_error_free(QomError *error);

static inline void qom_error_freep(QomError **error)
{
    qom_error_free(*error);
}

/* `QOM_AUTO_ERROR(err);` declares a QomError pointer that is freed at the end of the scope. */
#define QOM_AUTO_ERROR(name) __attribute__((cleanup(qom_error_freep))) QomError *name = NULL

#ifdef __cplusplus
}
#endif
#endif
