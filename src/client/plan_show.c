/* SPDX-License-Identifier: BSD-3-Clause */
/* Changes for people and for programs; see plan.h. */
#include "client/plan.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *mark; /* before the object */
    const char *verb; /* in the summary */
    const char *name; /* in JSON */
    PrintStyle style;
} kinds[CHANGE_KINDS] = {
    [CHANGE_ADD] = {"+", "to add", "add", PRINT_ADDED},
    [CHANGE_SET] = {"~", "to set", "set", PRINT_CHANGED},
    [CHANGE_REPLACE] = {"-/+", "to replace", "replace", PRINT_REMOVED},
    [CHANGE_DELETE] = {"-", "to delete", "delete", PRINT_REMOVED},
};

static const char *const kind_names[] = {
    [ENTRY_OBJECT] = "object",
    [ENTRY_CHARDEV] = "chardev",
    [ENTRY_SET] = "property",
};

static void append_escaped(GString *out, const Printer *p, const char *text)
{
    print_escaped(out, text, !p->utf8);
}

/* A value; NULL: it is not known, or not given, which @otherwise says. */
static void append_value(GString *out, const Printer *p, const JsonTape *tape, JsonTok value,
                         const char *otherwise)
{
    g_autofree char *text = tape ? print_value(p, tape, value) : g_strdup(otherwise);
    g_string_append(out, text);
}

static void show_difference(const Change *change, const Difference *d, const Printer *p)
{
    g_autoptr(GString) line = g_string_new("    ");
    append_escaped(line, p, d->name);
    g_string_append(line, ": ");
    if (plan_is_secret(change->type, d->name)) {
        g_string_append(line, "(not shown)");
    } else {
        append_value(line, p, d->from_tape, d->from, "(not known)");
        g_string_append(line, " -> ");
        append_value(line, p, d->to_tape, d->to, "(default)");
    }
    puts(line->str);
}

/* The arguments that a new object gets. */
static void show_arguments(const Change *change, const Printer *p)
{
    const Entry *entry = change->entry;
    for (JsonTok key = json_tape_first(entry->tape, entry->data); key != JSON_NONE;
         key = json_tape_next(entry->tape, entry->data, key)) {
        const char *name = json_tok_text(entry->tape, key, NULL);
        if (!strcmp(name, "qom-type") || !strcmp(name, "id")) {
            continue;
        }
        g_autoptr(GString) line = g_string_new("    ");
        append_escaped(line, p, name);
        g_string_append(line, ": ");
        if (plan_is_secret(change->type, name)) {
            g_string_append(line, "(not shown)");
        } else {
            append_value(line, p, entry->tape, json_tape_value(entry->tape, key), "");
        }
        puts(line->str);
    }
}

static void show_change(const Change *change, const Printer *p)
{
    g_autoptr(GString) line = g_string_new(NULL);
    g_autoptr(GString) name = g_string_new(kinds[change->kind].mark);

    g_string_append_c(name, ' ');
    if (change->what != ENTRY_SET) {
        append_escaped(name, p, change->type);
        g_string_append_c(name, ' ');
    }
    append_escaped(name, p, change->id);
    print_styled(p, line, kinds[change->kind].style, name->str);
    puts(line->str);
    if (change->kind == CHANGE_ADD) {
        show_arguments(change, p);
    }
    for (guint i = 0; i < change->differences->len; i++) {
        show_difference(change, &g_array_index(change->differences, Difference, i), p);
    }
    if (change->refused) {
        g_autoptr(GString) reason = g_string_new("    can not be done: ");
        append_escaped(reason, p, change->refused);
        puts(reason->str);
    }
}

void plan_show(const Plan *plan, const Printer *p)
{
    for (guint i = 0; i < plan->changes->len; i++) {
        show_change(plan->changes->pdata[i], p);
    }
}

char *plan_summary(const Plan *plan)
{
    size_t counts[CHANGE_KINDS] = {0};
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < plan->changes->len; i++) {
        counts[((Change *)plan->changes->pdata[i])->kind]++;
    }
    for (size_t i = 0; i < CHANGE_KINDS; i++) {
        if (counts[i] > 0) {
            g_string_append_printf(out, "%s%zu %s", out->len > 0 ? ", " : "", counts[i],
                                   kinds[i].verb);
        }
    }
    if (out->len == 0) {
        g_string_append(out, "nothing to do");
    }
    return g_string_free(out, FALSE);
}

/* --- JSON ------------------------------------------------------------------------------------ */

static void write_text(JsonWriter *w, const char *key, const char *text)
{
    json_writer_key(w, key);
    json_writer_string(w, text);
}

static void write_difference(JsonWriter *w, const Change *change, const Difference *d)
{
    bool secret = plan_is_secret(change->type, d->name);
    json_writer_begin_object(w);
    write_text(w, "name", d->name);
    if (d->from_tape && !secret) {
        json_writer_key(w, "from");
        json_writer_subtree(w, d->from_tape, d->from);
    }
    if (d->to_tape && !secret) {
        json_writer_key(w, "to");
        json_writer_subtree(w, d->to_tape, d->to);
    }
    json_writer_end_object(w);
}

void plan_write(const Plan *plan, JsonWriter *w)
{
    json_writer_begin_array(w);
    for (guint i = 0; i < plan->changes->len; i++) {
        const Change *change = plan->changes->pdata[i];
        json_writer_begin_object(w);
        write_text(w, "change", kinds[change->kind].name);
        write_text(w, "kind", kind_names[change->what]);
        write_text(w, change->what == ENTRY_SET ? "path" : "id", change->id);
        if (change->what == ENTRY_OBJECT) {
            write_text(w, "type", change->type);
        }
        json_writer_key(w, "properties");
        json_writer_begin_array(w);
        for (guint k = 0; k < change->differences->len; k++) {
            write_difference(w, change, &g_array_index(change->differences, Difference, k));
        }
        json_writer_end_array(w);
        if (change->refused) {
            write_text(w, "refused", change->refused);
        }
        json_writer_end_object(w);
    }
    json_writer_end_array(w);
}
