/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * -object: the objects to create. All that the schema says is checked here; what depends on the
 * state of the world (files, links, taken ids) comes out when they are created.
 */
#include "daemon/option.h"

#include "base/log.h"
#include "qom/object.h"
#include "qom/options.h"

#include <stdio.h>
#include <string.h>

/* Types that come after character devices: they need these or networks, or they take long. */
static const char *const late_types[] = {
    "rng-egd", "qtest", "cryptodev-vhost-user", "netfilter", "colo-compare", "memory-backend",
};

static ObjectPhase phase_of(const QomType *type)
{
    if (qom_type_is_a(type, "thread-context")) {
        return PHASE_THREAD_CONTEXT;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(late_types); i++) {
        if (qom_type_is_a(type, late_types[i])) {
            return PHASE_LATE_OBJECT;
        }
    }
    return PHASE_OBJECT;
}

/* --- Help ------------------------------------------------------------------------------------ */

static char *types_help(void)
{
    size_t n;
    g_autofree const QomType **types = qom_type_list(QOM_TYPE_USER_CREATABLE, false, &n);
    GString *lines = g_string_new("List of user creatable objects:\n");
    for (size_t i = 0; i < n; i++) {
        g_string_append_printf(lines, "  %s\n", qom_type_name(types[i]));
    }
    return g_string_free(lines, false);
}

/* Types and defaults are those of the property, which rules may have made others than the schema's.
 */
static bool is_settable(const QapiMember *member, QapiHelpItem *item, void *opaque)
{
    const QomProperty *prop = qom_type_find_property(opaque, member->name);
    if (!prop || !qom_property_is_writable(prop)) {
        return false;
    }
    item->type = prop->type;
    item->default_json = prop->default_json;
    return true;
}

static char *properties_help(const QomType *type)
{
    const QapiType *config = qom_type_config(type);
    const char *name = qom_type_name(type);
    return config ? qapi_help_lines(config, name, is_settable, (void *)type)
                  : g_strdup_printf("There are no options for %s.\n", name);
}

/* --- Secrets --------------------------------------------------------------------------------- */

/* Whether @tape, an object of @type, sets a property that nobody should see. */
static bool has_secret(const QomType *type, const JsonTape *tape)
{
    size_t n;
    const QomProperty *const *props = qom_type_properties(type, &n);
    for (size_t i = 0; i < n; i++) {
        if ((props[i]->flags & QOM_PROPERTY_SENSITIVE) &&
            json_tape_find(tape, JSON_ROOT, props[i]->name) != JSON_NONE) {
            return true;
        }
    }
    return false;
}

/* Whether a text that could not be read might hold a secret: some type with secrets is named. */
static bool may_have_secret(const char *text)
{
    size_t n, n_props;
    g_autofree const QomType **types = qom_type_list(QOM_TYPE_USER_CREATABLE, false, &n);
    for (size_t i = 0; i < n; i++) {
        const QomProperty *const *props = qom_type_properties(types[i], &n_props);
        for (size_t j = 0; strstr(text, qom_type_name(types[i])) && j < n_props; j++) {
            if (props[j]->flags & QOM_PROPERTY_SENSITIVE) {
                return true;
            }
        }
    }
    return false;
}

/* Overwrites all but the type, in the list of processes too. */
static void hide_text(Daemon *daemon, OptionUse *use)
{
    size_t shown = *use->text == '{' ? 0 : strcspn(use->text, ",=");
    memset(use->text + shown, 'x', strlen(use->text + shown));
    if (!use->where && !daemon->warned_of_secret) {
        log_warn("a secret on the command line can be seen by others until it is overwritten: use "
                 "its property 'file'");
        daemon->warned_of_secret = true;
    }
}

/* --- Parsing --------------------------------------------------------------------------------- */

static char *member_text(const JsonTape *tape, const char *name)
{
    JsonTok tok = json_tape_find(tape, JSON_ROOT, name);
    char *value = NULL;
    if (tok != JSON_NONE) {
        qapi_decode(&(QapiDecode){}, &qapi_type_str, tape, tok, &value, NULL);
    }
    return value;
}

static bool plan_object(Daemon *daemon, OptionUse *use, JsonTape *tape, QomError **errp)
{
    g_autofree char *name = member_text(tape, "qom-type");
    const QomType *type = name ? qom_type_find(name) : NULL;
    if (type && has_secret(type, tape)) {
        hide_text(daemon, use);
    }
    if (!qom_object_add_check(tape, JSON_ROOT, NULL, errp)) {
        return false;
    }
    PlannedObject *planned = g_new0(PlannedObject, 1);
    planned->phase = phase_of(type);
    planned->tape = tape;
    g_ptr_array_add(daemon->objects, planned);
    return true;
}

char *option_object_help(const JsonTape *tape, QomError **errp)
{
    g_autofree char *name = member_text(tape, "qom-type");
    const QomType *type = name ? qom_type_find(name) : NULL;
    if (name && (!type || !qom_type_is_creatable(type))) {
        qom_error_set(errp, "Parameter 'qom-type' does not accept value '%s'", name);
        return NULL;
    }
    return type ? properties_help(type) : types_help();
}

bool option_parse_object(Daemon *daemon, OptionUse *use, QomError **errp)
{
    QapiOptionsHow how = {.implied_key = "qom-type", .warn = option_warn};
    bool help = false;
    JsonTape *tape = qapi_options_parse(use->text, &how, &help, errp);
    if (!tape) {
        if (may_have_secret(use->text)) {
            hide_text(daemon, use);
        }
        return false;
    }
    if (!help) {
        bool ok = plan_object(daemon, use, tape, errp);
        if (!ok) {
            json_tape_wipe(tape);
            json_tape_free(tape);
        }
        return ok;
    }
    g_autofree char *lines = option_object_help(tape, errp);
    json_tape_wipe(tape);
    json_tape_free(tape);
    if (!lines) {
        return false;
    }
    fputs(lines, stdout);
    daemon->done = true;
    return true;
}
