/* SPDX-License-Identifier: BSD-3-Clause */
/* What people see: client/print.h; which address is what: client/connection.h. */
#include "unit.h"

#include "client/connection.h"
#include "client/print.h"
#include "client/snapshot.h"

static const Printer pipe_printer = {.utf8 = true};
static const Printer terminal = {.terminal = true, .utf8 = true};

static void escapes_to(const char *text, bool ascii, const char *want)
{
    g_autoptr(GString) out = g_string_new(NULL);
    print_escaped(out, text, ascii);
    assert_string_equal(out->str, want);
}

static void control_characters_never_come_through(void **state)
{
    escapes_to("plain text", false, "plain text");
    escapes_to("a\033[31mb", false, "a\\u001B[31mb");
    escapes_to("a\nb\tc\rd", false, "a\\nb\\tc\\rd");
    escapes_to("\x7f", false, "\\u007F");
    escapes_to("\xc2\x9b"
               "1m",
               false, "\\u009B1m"); /* C1: CSI in one character */
    escapes_to("\xe2\x80\xae"
               "gnp",
               false, "\\u202Egnp"); /* right-to-left override */
    escapes_to("a\xe2\x80\xa8"
               "b",
               false, "a\\u2028b");
    escapes_to("\xc0\x80", false, "\\u0000");
}

static void broken_utf8_never_comes_through(void **state)
{
    escapes_to("\xff", false, "\\uFFFD");
    escapes_to("a\xe2\x82", false, "a\\uFFFD");
}

static void letters_come_through_where_they_can_be_shown(void **state)
{
    escapes_to("\xc3\xa9t\xc3\xa9", false, "\xc3\xa9t\xc3\xa9");
    escapes_to("\xc3\xa9", true, "\\u00E9");
    escapes_to("\xf0\x9f\x98\x80", true, "\\U0001F600");
}

static void value_is(const Printer *p, const char *json, const char *want, const char *exact)
{
    JSON_AUTO_TAPE(tape);
    tape = unit_json(json);
    g_autofree char *shown = print_value(p, tape, JSON_ROOT);
    g_autofree char *whole = print_value_exact(p, tape, JSON_ROOT);
    assert_string_equal(shown, want);
    assert_string_equal(whole, exact);
}

static void strings_are_bare_and_the_rest_is_json(void **state)
{
    value_is(&pipe_printer, "\"x y\"", "x y", "x y");
    value_is(&pipe_printer, "\"\"", "\"\"", "");
    value_is(&pipe_printer, "7", "7", "7");
    value_is(&pipe_printer, "{\"a\":[1,null]}", "{\"a\": [1, null]}", "{\"a\": [1, null]}");
}

static void only_a_pipe_gets_a_value_as_it_is(void **state)
{
    value_is(&pipe_printer, "\"a\\u001bb\"", "a\\u001Bb", "a\033b");
    value_is(&terminal, "\"a\\u001bb\"", "a\\u001Bb", "a\\u001Bb");
}

static void width_counts_columns(void **state)
{
    assert_int_equal(print_width("abc"), 3);
    assert_int_equal(print_width("\xc3\xa9"), 1);
    assert_int_equal(print_width("\xe6\x97\xa5\xe6\x9c\xac"), 4);
    assert_int_equal(print_width("e\xcc\x81"), 1);
}

static void line_is(const PrintTable *table, size_t row, const char *want)
{
    size_t widths[PRINT_COLUMNS];
    g_autoptr(GString) line = g_string_new(NULL);
    print_table_measure(table, widths);
    print_table_line(table, row, widths, line);
    assert_string_equal(line->str, want);
}

static void columns_are_aligned(void **state)
{
    PrintTable table;
    print_table_init(&table, &pipe_printer);
    print_table_row(&table, PRINT_PLAIN, g_strdup("size"), PRINT_PLAIN, g_strdup("1024"),
                    g_strdup("int"), NULL);
    print_table_row(&table, PRINT_PLAIN, g_strdup("a"), PRINT_PLAIN, NULL, g_strdup("bool"), NULL);
    print_table_row(&table, PRINT_PLAIN, g_strdup("\xc3\xa9"), PRINT_PLAIN, NULL, NULL, NULL);
    print_table_row(&table, PRINT_PLAIN, g_strdup("l"), PRINT_PLAIN, g_strnfill(60, 'x'),
                    g_strdup("list"), NULL);
    line_is(&table, 0, "size  1024  int");
    line_is(&table, 1, "a           bool");
    line_is(&table, 2, "\xc3\xa9");
    line_is(&table, 3, "l     xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx  list");
    print_table_clear(&table);
}

static void colour_is_only_where_it_is_wanted(void **state)
{
    Printer colour = {.terminal = true, .colour = true, .utf8 = true};
    g_autoptr(GString) out = g_string_new(NULL);
    print_styled(&terminal, out, PRINT_CHILD, "x");
    assert_string_equal(out->str, "x");
    g_string_truncate(out, 0);
    print_styled(&colour, out, PRINT_CHILD, "x");
    assert_string_equal(out->str, "\033[1;34mx\033[0m");
}

static void tcp_is(const char *address, const char *want_host, const char *want_port)
{
    g_autofree char *host = NULL;
    g_autofree char *port = NULL;
    assert_int_equal(connect_is_tcp(address, &host, &port), want_host != NULL);
    if (want_host) {
        assert_string_equal(host, want_host);
        assert_string_equal(port, want_port);
    }
}

static void addresses_are_paths_or_hosts_with_ports(void **state)
{
    tcp_is("localhost:4444", "localhost", "4444");
    tcp_is("[::1]:4444", "::1", "4444");
    tcp_is("tcp:host:qmp", "host", "qmp");
    tcp_is(":4444", "", "4444");
    tcp_is("/run/q.sock", NULL, NULL);
    tcp_is("q.sock", NULL, NULL);
    tcp_is("./a:1", NULL, NULL);
    tcp_is("a:b", NULL, NULL);
    tcp_is("a:", NULL, NULL);
    tcp_is("unix:a:1", NULL, NULL);
}

static Property property(const char *name, const char *type)
{
    return (Property){.name = name, .type = type};
}

static void properties_are_sorted_with_numbers_as_numbers(void **state)
{
    static const char *const want[] = {"type", "a", "x2", "x10", "c[2]", "c[10]"};
    Property list[] = {property("c[10]", "child<d>"), property("x10", "int"),
                       property("c[2]", "child<d>"),  property("x2", "int"),
                       property("type", "string"),    property("a", "link<d>")};
    Object o = {.properties = g_array_new(FALSE, FALSE, sizeof(Property)),
                .children = g_ptr_array_new()};
    g_array_append_vals(o.properties, list, G_N_ELEMENTS(list));
    object_sort(&o);
    for (guint i = 0; i < G_N_ELEMENTS(want); i++) {
        assert_string_equal(g_array_index(o.properties, Property, i).name, want[i]);
    }
    g_array_free(o.properties, TRUE);
    g_ptr_array_free(o.children, TRUE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(control_characters_never_come_through),
        cmocka_unit_test(broken_utf8_never_comes_through),
        cmocka_unit_test(letters_come_through_where_they_can_be_shown),
        cmocka_unit_test(strings_are_bare_and_the_rest_is_json),
        cmocka_unit_test(only_a_pipe_gets_a_value_as_it_is),
        cmocka_unit_test(width_counts_columns),
        cmocka_unit_test(columns_are_aligned),
        cmocka_unit_test(colour_is_only_where_it_is_wanted),
        cmocka_unit_test(addresses_are_paths_or_hosts_with_ports),
        cmocka_unit_test(properties_are_sorted_with_numbers_as_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
