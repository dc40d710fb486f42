/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a fuzz target is: a function that is given inputs. target.c makes of it what libFuzzer
 * wants; it is linked twice, with libFuzzer (tools/fuzz) and with replay.c, which runs the inputs
 * that are kept (the tests fuzz-*).
 *
 * A target holds what it finds for a bug by ending the process: g_assert(), a sanitizer's report, a
 * warning of GLib. That no descriptor and no thread stays behind is checked for all of them.
 */
#ifndef FUZZ_TARGET_H
#define FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

/* Runs one input. The process is confined meanwhile, see confine.h. */
void target_input(const uint8_t *data, size_t size);
/* Once, before the first input. Only some targets have it. */
void target_start(void);

/* What libFuzzer calls. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* Changes the @size bytes at @data, which has room for @max_size, in a way that @seed decides.
 * Returns the new size. Only some targets have it. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
/* libFuzzer's own way to change bytes, for custom mutators. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

#endif
