/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * replay [FILE|FOLDER]...: runs a fuzz target on inputs that were kept, without libFuzzer. One test
 * for each operand, in TAP; an input at which the target ends the process is named on stderr.
 */
#include "target.h"

#include <fcntl.h>
#include <glib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The input that runs, for the signal handler. */
static const char *volatile current = "none";

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size)
{
    return size; /* custom mutators are linked but not called */
}

static void name_input(int signal_number)
{
    static const char text[] = "# the input is ";
    if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0 ||
        write(STDERR_FILENO, current, strlen(current)) < 0 || write(STDERR_FILENO, "\n", 1) < 0) {
        _exit(2);
    }
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void run_file(const char *path)
{
    g_autofree char *data = NULL;
    size_t len;
    current = path;
    if (!g_file_get_contents(path, &data, &len, NULL)) {
        g_error("can not read %s", path);
    }
    /* An own allocation of the exact size, so that a sanitizer sees a read beyond it. */
    g_autofree uint8_t *input = g_memdup2(data, len);
    LLVMFuzzerTestOneInput(input, len);
}

/* Runs what is at @path; returns the number of inputs. */
static unsigned run(const char *path)
{
    if (!g_file_test(path, G_FILE_TEST_IS_DIR)) {
        run_file(path);
        return 1;
    }
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    unsigned n = 0;
    for (const char *name; dir && (name = g_dir_read_name(dir)); n++) {
        g_autofree char *file = g_build_filename(path, name, NULL);
        run_file(file);
    }
    return n;
}

int main(int argc, char **argv)
{
    /* What the target prints is not ours. */
    FILE *out = fdopen(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3), "w");
    if (!out || !freopen("/dev/null", "w", stdout)) {
        return EXIT_FAILURE;
    }
    signal(SIGABRT, name_input);
    signal(SIGALRM, name_input);
    LLVMFuzzerInitialize(&argc, &argv);
    fprintf(out, "1..%d\n", argc - 1);
    for (int i = 1; i < argc; i++) {
        unsigned n = run(argv[i]);
        g_autofree char *name = g_path_get_basename(argv[i]);
        g_autofree char *dir = g_path_get_dirname(argv[i]);
        g_autofree char *kind = g_path_get_basename(dir);
        fprintf(out, "%s %d - %u inputs of %s/%s do no harm\n", n ? "ok" : "not ok", i, n, kind,
                name);
        fflush(out);
    }
    return fclose(out) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
