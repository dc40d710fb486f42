/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keeps a target among its own: files and sockets are made in a private folder, whatever they are
 * called, nothing leaves the machine, a mapping is small and a wait is short.
 *
 * The linker sends the calls of a target to the functions of confine.c (`-Wl,--wrap`), which works
 * everywhere, as anybody, and leaves libFuzzer and the sanitizers alone.
 *
 * Paths are flat inside the folder: `/a/b` is a file called `_a_b`. What the kernel offers in /dev,
 * /proc/self/fd and /sys and is harmless is reached under its own name.
 */
#ifndef FUZZ_CONFINE_H
#define FUZZ_CONFINE_H

#include <stdbool.h>
#include <stddef.h>

/* Makes the folder and limits the sizes of files. First of all, in the only thread. */
void confine_begin(void);

/* The folder's path. */
const char *confine_folder(void);

/* Switches the confinement on or off; off, the calls are libFuzzer's own. */
void confine_on(bool on);

/* Removes what is in the folder. */
void confine_clear(void);

/* Makes the file @name in the folder. */
void confine_file(const char *name, const void *data, size_t len);

/* Descriptors and threads of the process. */
size_t confine_count_fds(void);
size_t confine_count_threads(void);

#endif
