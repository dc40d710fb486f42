/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Properties for C callers, who have C values and not tapes. They take the way over JSON, so that
 * there is one set of rules; what passes through is wiped, it may be a secret.
 */
#include "object/internal.h"

#include <string.h>

char *qom_property_get_json(QomObject *obj, const char *name, QomError **errp)
{
    JSON_AUTO_WRITER(writer);
    writer = json_writer_new(false);
    json_writer_soften(writer);
    if (!qom_property_get(obj, name, writer, errp)) {
        return NULL;
    }
    char *json = json_writer_steal(writer, NULL);
    if (!json) {
        qom_error_set(errp, "Out of memory for the value of '%s'", name);
    }
    return json;
}

bool qom_property_set_json(QomObject *obj, const char *name, const char *json, QomError **errp)
{
    JSON_AUTO_TAPE(tape);
    tape = json_parse_text(json, strlen(json), errp);
    if (!tape) {
        return false;
    }
    bool ok = qom_property_set(obj, name, tape, JSON_ROOT, errp);
    json_tape_wipe(tape);
    return ok;
}

/* Reads the property as a value of a built-in type. */
static bool get_as(QomObject *obj, const char *name, const QapiType *type, void *value,
                   QomError **errp)
{
    char *json = qom_property_get_json(obj, name, errp);
    if (!json) {
        return false;
    }
    QapiDecode how = {.path = name};
    bool ok = qapi_decode_json(&how, type, json, strlen(json), value, errp);
    qapi_clear(&qapi_type_str, &json);
    return ok;
}

char *qom_property_get_str(QomObject *obj, const char *name, QomError **errp)
{
    char *text = NULL;
    get_as(obj, name, &qapi_type_str, &text, errp);
    return text;
}

bool qom_property_get_bool(QomObject *obj, const char *name, bool *value, QomError **errp)
{
    return get_as(obj, name, &qapi_type_bool, value, errp);
}

bool qom_property_get_int(QomObject *obj, const char *name, int64_t *value, QomError **errp)
{
    return get_as(obj, name, &qapi_type_int64, value, errp);
}

bool qom_property_get_uint(QomObject *obj, const char *name, uint64_t *value, QomError **errp)
{
    return get_as(obj, name, &qapi_type_uint64, value, errp);
}

bool qom_property_set_str(QomObject *obj, const char *name, const char *value, QomError **errp)
{
    JSON_AUTO_WRITER(writer);
    writer = json_writer_new(false);
    json_writer_string(writer, value);
    bool ok = qom_property_set_json(obj, name, json_writer_text(writer, NULL), errp);
    json_writer_wipe(writer);
    return ok;
}

bool qom_property_set_bool(QomObject *obj, const char *name, bool value, QomError **errp)
{
    return qom_property_set_json(obj, name, value ? "true" : "false", errp);
}

bool qom_property_set_int(QomObject *obj, const char *name, int64_t value, QomError **errp)
{
    g_autofree char *json = g_strdup_printf("%" G_GINT64_FORMAT, value);
    return qom_property_set_json(obj, name, json, errp);
}

bool qom_property_set_uint(QomObject *obj, const char *name, uint64_t value, QomError **errp)
{
    g_autofree char *json = g_strdup_printf("%" G_GUINT64_FORMAT, value);
    return qom_property_set_json(obj, name, json, errp);
}
