/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The codes of all errors and warnings, each with the rule it stands for: what `qapic explain CODE`
 * prints. A message ends in its code, in square brackets.
 */
#ifndef QAPIC_CODES_H
#define QAPIC_CODES_H

#include <stdbool.h>

typedef enum DiagCode {
#define DIAG_CODE(id, name, rule) DIAG_##id,
#include "qapic/codes.def"
#undef DIAG_CODE
    DIAG_CODE_COUNT,
} DiagCode;

/* The code as it is printed, for example "type-unknown". */
const char *diag_code_name(DiagCode code);

/* The rule that @code stands for: some sentences. */
const char *diag_code_rule(DiagCode code);

/* Finds a code by its name; false if there is none. */
bool diag_code_find(const char *name, DiagCode *code);

#endif
