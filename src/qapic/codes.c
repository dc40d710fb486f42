/* SPDX-License-Identifier: BSD-3-Clause */
#include "qapic/codes.h"

#include <string.h>

static const struct {
    const char *name;
    const char *rule;
} codes[] = {
#define DIAG_CODE(id, name, rule) {name, rule},
#include "qapic/codes.def"
#undef DIAG_CODE
};

const char *diag_code_name(DiagCode code)
{
    return codes[code].name;
}

const char *diag_code_rule(DiagCode code)
{
    return codes[code].rule;
}

bool diag_code_find(const char *name, DiagCode *code)
{
    for (int i = 0; i < DIAG_CODE_COUNT; i++) {
        if (!strcmp(codes[i].name, name)) {
            *code = (DiagCode)i;
            return true;
        }
    }
    return false;
}
