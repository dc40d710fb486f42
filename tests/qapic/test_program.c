/* SPDX-License-Identifier: BSD-3-Clause */
/* The program itself: options and exit codes. */
#include "unit.h"

#include "qapic/codes.h"

static const char *qapic;

/* Runs qapic with @args (parted by blanks) in the unit's folder; returns the exit code. */
static int run(Unit *unit, const char *args, char **out, char **err)
{
    g_autofree char *line = g_strconcat(qapic, " ", args, NULL);
    g_auto(GStrv) argv = g_strsplit(line, " ", -1);
    g_auto(GStrv) environment = g_environ_setenv(g_get_environ(), "G_DEBUG", "", TRUE);
    int status;
    assert_true(
        g_spawn_sync(unit->folder, argv, environment, 0, NULL, NULL, out, err, &status, NULL));
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void assert_run(Unit *unit, const char *args, int code, const char *in_out,
                       const char *in_err)
{
    g_autofree char *out = NULL;
    g_autofree char *err = NULL;
    int found = run(unit, args, &out, &err);
    if (found != code || !strstr(out, in_out) || !strstr(err, in_err)) {
        fail_msg("qapic %s: exit %d\nstdout: %s\nstderr: %s", args, found, out, err);
    }
}

static void exit_codes_tell_errors_from_wrong_usage(void **state)
{
    Unit *unit = *state;
    const char *good = "{ 'command': 'go', 'if': 'AA' }", *bad = "{ 'command': 'GO' }";
    unit_write(unit, "good.json", good, strlen(good));
    unit_write(unit, "bad.json", bad, strlen(bad));
    assert_run(unit, "check good.json", 0, "", "");
    assert_run(unit, "check bad.json", 1, "", "bad.json:1:14: error: ");
    assert_run(unit, "check none.json", 1, "", "[root-unreadable]");
    assert_run(unit, "dump --json good.json", 0, "\"name\": \"go\"", "");
    assert_run(unit, "dump --json bad.json", 1, "", "[name-case]");
    assert_run(unit, "introspect --json bad.json", 1, "", "[name-case]");
    assert_run(unit, "check", 2, "", "expected one FILE");
    assert_run(unit, "check good.json bad.json", 2, "", "expected one FILE");
    assert_run(unit, "check --docs=old good.json", 2, "", "--docs=old");
    assert_run(unit, "check --nonsense good.json", 2, "", "--nonsense");
    assert_run(unit, "check -W nonsense good.json", 2, "", "nonsense");
    assert_run(unit, "check -W syntax good.json", 2, "", "syntax");
    assert_run(unit, "introspect -D a good.json", 2, "", "-D a");
    assert_run(unit, "introspect --conds none good.json", 2, "", "none");
    assert_run(unit, "nonsense", 2, "", "nonsense");
    assert_run(unit, "--help", 0, "introspect", "");
    assert_run(unit, "check --help", 0, "--docs", "");
    assert_run(unit, "--version", 0, "qapic ", "");
}

static void conditions_come_from_options_and_files(void **state)
{
    Unit *unit = *state;
    const char *text = "{ 'command': 'go', 'if': { 'all': [ 'AA', 'BB' ] } }";
    unit_write(unit, "a.json", text, strlen(text));
    unit_write(unit, "conds", "AA # one\n", 9);
    assert_run(unit, "introspect --json -D AA -D BB a.json", 0, "\"go\"", "");
    assert_run(unit, "introspect --json --conds conds -D BB a.json", 0, "\"go\"", "");
    g_autofree char *out = NULL;
    g_autofree char *err = NULL;
    assert_int_equal(run(unit, "introspect --json --conds conds a.json", &out, &err), 0);
    assert_string_equal(out, "[]\n");
}

static void warnings_leave_the_exit_code_alone(void **state)
{
    Unit *unit = *state;
    const char *text =
        "{ 'command': 'go', 'data': { 'c': 'Cond' } }\n"
        "{ 'struct': 'Cond', 'data': {}, 'if': 'CC' }\n"
        "{ 'struct': 'Lone', 'data': {} }\n"
        "{ 'enum': 'Ee', 'prefix': 'XX', 'data': [ 'a', 'b-c' ] }\n"
        "{ 'enum': 'Ff', 'prefix': 'XX_B', 'data': [ 'c' ] }\n"
        "##\n# @run:\n#\n# Runs.\n#\n# @e: one\n#\n# @f: two\n##\n"
        "{ 'command': 'run', 'data': { 'e': 'Ee', 'f': 'Ff' } }\n"
        "{ 'union': 'Uu', 'base': { 'e': 'Ee' }, 'discriminator': 'e', 'data': {} }\n"
        "{ 'command': 'stop', 'data': 'Uu', 'boxed': true }\n";
    unit_write(unit, "a.json", text, strlen(text));
    assert_run(unit, "check -W unused-type a.json", 0, "",
               "a.json:3:13: warning: struct 'Lone' is never used");
    assert_run(unit, "check a.json", 0, "",
               "a.json:1:35: warning: 'Cond' is used here also without");
    assert_run(unit, "check a.json", 0, "", "[constant-clash]");
    assert_run(unit, "check -W all a.json", 0, "", "[no-branch]");
    assert_run(unit, "check -W no-since a.json", 0, "", "a.json:6:1: warning: the doc comment");
    g_autofree char *out = NULL;
    g_autofree char *err = NULL;
    assert_int_equal(run(unit, "check -W none a.json", &out, &err), 0);
    assert_string_equal(err, "");
    g_free(err);
    err = NULL;
    g_free(out);
    out = NULL;
    assert_int_equal(
        run(unit, "check -W all -W no-unused-type -W no-weak-condition a.json", &out, &err), 0);
    assert_null(strstr(err, "unused-type"));
    assert_null(strstr(err, "weak-condition"));
    assert_non_null(strstr(err, "constant-clash"));
}

static void every_code_is_explained(void **state)
{
    Unit *unit = *state;
    for (int i = 0; i < DIAG_CODE_COUNT; i++) {
        DiagCode found;
        assert_true(diag_code_find(diag_code_name((DiagCode)i), &found));
        assert_int_equal(found, i);
        assert_true(strlen(diag_code_rule((DiagCode)i)) > 10);
    }
    assert_run(unit, "explain doc-order", 0, "follow one another", "");
    assert_run(unit, "explain all", 0, "type-unknown:\n", "");
    assert_run(unit, "explain type-unknwon", 2, "", "did you mean 'type-unknown'?");
    assert_run(unit, "explain", 2, "", "expected one CODE");
}

static void output_that_can_not_be_written_is_an_error(void **state)
{
    Unit *unit = *state;
    unit_write(unit, "a.json", "{ 'command': 'go' }", 19);
    g_autofree char *script =
        g_strdup_printf("'%s' dump --json '%s/a.json' >/dev/full", qapic, unit->folder);
    const char *argv[] = {"/bin/sh", "-c", script, NULL};
    int status;
    g_autofree char *err = NULL;
    assert_true(g_spawn_sync(NULL, (char **)argv, NULL, 0, NULL, NULL, NULL, &err, &status, NULL));
    assert_int_equal(WEXITSTATUS(status), 1);
    assert_non_null(strstr(err, "can't write"));
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s QAPIC\n", argv[0]);
        return 2;
    }
    qapic = g_canonicalize_filename(argv[1], NULL);
    const struct CMUnitTest tests[] = {
        schema_test(exit_codes_tell_errors_from_wrong_usage),
        schema_test(conditions_come_from_options_and_files),
        schema_test(warnings_leave_the_exit_code_alone),
        schema_test(every_code_is_explained),
        schema_test(output_that_can_not_be_written_is_an_error),
    };
    return cmocka_run_group_tests_name("program", tests, NULL, NULL);
}
