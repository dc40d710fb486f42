/* SPDX-License-Identifier: BSD-3-Clause */
/* Descriptors of the built-in types and of the lists of them. */
#include "qapi/engine.h"

/* Both in one macro: `bool` is a macro too, and must meet # and ## before it is replaced. */
#define BUILTIN(schema_name, type_kind, ctype)       \
    const QapiType qapi_type_##schema_name = {       \
        .name = #schema_name,                        \
        .kind = QAPI_KIND_##type_kind,               \
        .size = sizeof(ctype),                       \
    };                                               \
    const QapiType qapi_type_##schema_name##List = { \
        .name = "[" #schema_name "]",                \
        .kind = QAPI_KIND_LIST,                      \
        .size = sizeof(QapiList),                    \
        .element = &qapi_type_##schema_name,         \
    }

BUILTIN(str, STR, char *);
BUILTIN(any, ANY, char *);
BUILTIN(null, NULL, QapiNull);
BUILTIN(bool, BOOL, bool);
BUILTIN(number, NUMBER, double);
BUILTIN(int, INT64, int64_t);
BUILTIN(int8, INT8, int8_t);
BUILTIN(int16, INT16, int16_t);
BUILTIN(int32, INT32, int32_t);
BUILTIN(int64, INT64, int64_t);
BUILTIN(uint8, UINT8, uint8_t);
BUILTIN(uint16, UINT16, uint16_t);
BUILTIN(uint32, UINT32, uint32_t);
BUILTIN(uint64, UINT64, uint64_t);
BUILTIN(size, SIZE, uint64_t);

static const QapiEnumValue qtype_values[] = {
    [QTYPE_NONE] = {.name = "none"},   [QTYPE_QNULL] = {.name = "qnull"},
    [QTYPE_QNUM] = {.name = "qnum"},   [QTYPE_QSTRING] = {.name = "qstring"},
    [QTYPE_QDICT] = {.name = "qdict"}, [QTYPE_QLIST] = {.name = "qlist"},
    [QTYPE_QBOOL] = {.name = "qbool"},
};

static const uint16_t qtype_sorted[] = {
    QTYPE_NONE, QTYPE_QBOOL, QTYPE_QDICT, QTYPE_QLIST, QTYPE_QNULL, QTYPE_QNUM, QTYPE_QSTRING,
};

const QapiType qapi_type_QType = {
    .name = "QType",
    .kind = QAPI_KIND_ENUM,
    .size = sizeof(QType),
    .values = qtype_values,
    .names_sorted = qtype_sorted,
    .n_values = G_N_ELEMENTS(qtype_values),
};
const QapiType qapi_type_QTypeList = {
    .name = "[QType]",
    .kind = QAPI_KIND_LIST,
    .size = sizeof(QTypeList),
    .element = &qapi_type_QType,
};

bool qapi_kind_is_signed(QapiKind kind)
{
    return kind >= QAPI_KIND_INT8 && kind <= QAPI_KIND_INT64;
}

int64_t qapi_kind_min(QapiKind kind)
{
    switch (kind) {
    case QAPI_KIND_INT8: return INT8_MIN;
    case QAPI_KIND_INT16: return INT16_MIN;
    case QAPI_KIND_INT32: return INT32_MIN;
    case QAPI_KIND_INT64: return INT64_MIN;
    default: return 0;
    }
}

uint64_t qapi_kind_max(QapiKind kind)
{
    switch (kind) {
    case QAPI_KIND_INT8: return INT8_MAX;
    case QAPI_KIND_INT16: return INT16_MAX;
    case QAPI_KIND_INT32: return INT32_MAX;
    case QAPI_KIND_INT64: return INT64_MAX;
    case QAPI_KIND_UINT8: return UINT8_MAX;
    case QAPI_KIND_UINT16: return UINT16_MAX;
    case QAPI_KIND_UINT32: return UINT32_MAX;
    default: return UINT64_MAX;
    }
}

const char *qapi_kind_ctype(QapiKind kind)
{
    switch (kind) {
    case QAPI_KIND_INT8: return "int8_t";
    case QAPI_KIND_INT16: return "int16_t";
    case QAPI_KIND_INT32: return "int32_t";
    case QAPI_KIND_INT64: return "int64";
    case QAPI_KIND_UINT8: return "uint8_t";
    case QAPI_KIND_UINT16: return "uint16_t";
    case QAPI_KIND_UINT32: return "uint32_t";
    default: return "uint64";
    }
}

QType qapi_type_qtype(const QapiType *type)
{
    switch (type->kind) {
    case QAPI_KIND_STR:
    case QAPI_KIND_ENUM: return QTYPE_QSTRING;
    case QAPI_KIND_NULL: return QTYPE_QNULL;
    case QAPI_KIND_BOOL: return QTYPE_QBOOL;
    case QAPI_KIND_LIST: return QTYPE_QLIST;
    case QAPI_KIND_STRUCT:
    case QAPI_KIND_UNION: return QTYPE_QDICT;
    case QAPI_KIND_ANY:
    case QAPI_KIND_ALTERNATE: return QTYPE_NONE;
    default: return QTYPE_QNUM;
    }
}
