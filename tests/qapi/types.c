/* SPDX-License-Identifier: BSD-3-Clause */
#include "types.h"

#include <glib.h>

#define NEED(owner, field, json, of)                                                               \
    {                                                                                              \
        .name = json, .type = &(of), .offset = offsetof(owner, field), .flag_offset = QAPI_NO_FLAG \
    }
#define POINTER(owner, field, json, of)                                \
    {                                                                  \
        .name = json, .type = &(of), .offset = offsetof(owner, field), \
        .flag_offset = QAPI_NO_FLAG, .optional = true                  \
    }
#define FLAGGED(owner, flag, field, json, of)                          \
    {                                                                  \
        .name = json, .type = &(of), .offset = offsetof(owner, field), \
        .flag_offset = offsetof(owner, flag), .optional = true         \
    }
#define MEMBERS(array)  .members = array, .n_members = G_N_ELEMENTS(array)
#define BRANCHES(array) .branches = array, .n_branches = G_N_ELEMENTS(array)
#define STRUCT(of, ...)                                                        \
    {                                                                          \
        .name = #of, .kind = QAPI_KIND_STRUCT, .size = sizeof(of), __VA_ARGS__ \
    }
#define LIST(of)                                                               \
    {                                                                          \
        .name = "[" #of "]", .kind = QAPI_KIND_LIST, .size = sizeof(of##List), \
        .element = &type_##of                                                  \
    }
#define ENUM(of, vals, sorted)                                                   \
    {                                                                            \
        .name = #of, .kind = QAPI_KIND_ENUM, .size = sizeof(of), .values = vals, \
        .names_sorted = sorted, .n_values = G_N_ELEMENTS(vals)                   \
    }

static const QapiEnumValue color_values[] = {
    {.name = "red"},
    {.name = "green", .features = QAPI_FEATURE_DEPRECATED},
    {.name = "blue", .features = QAPI_FEATURE_UNSTABLE},
};
static const uint16_t color_sorted[] = {COLOR_BLUE, COLOR_GREEN, COLOR_RED};
const QapiType type_Color = ENUM(Color, color_values, color_sorted);
const QapiType type_ColorList = LIST(Color);

static const QapiMember base_members[] = {
    {.name = "name",
     .type = &qapi_type_str,
     .offset = offsetof(Base, name),
     .flag_offset = QAPI_NO_FLAG,
     .doc = "what it is called\nby people\n\nNot shown."},
    {.name = "level",
     .type = &qapi_type_int,
     .offset = offsetof(Base, level),
     .flag_offset = offsetof(Base, has_level),
     .optional = true,
     .default_json = "-7"},
};
const QapiType type_Base = STRUCT(Base, MEMBERS(base_members));

static const QapiMember leaf_members[] = {
    {.name = "bytes",
     .type = &qapi_type_size,
     .offset = offsetof(Leaf, bytes),
     .flag_offset = offsetof(Leaf, has_bytes),
     .optional = true,
     .default_json = "4096",
     .doc = "how many"},
    {.name = "on",
     .type = &qapi_type_bool,
     .offset = offsetof(Leaf, on),
     .flag_offset = offsetof(Leaf, has_on),
     .optional = true,
     .default_json = "true"},
    FLAGGED(Leaf, has_nodes, nodes, "nodes", qapi_type_uint16List),
    {.name = "color",
     .type = &type_Color,
     .offset = offsetof(Leaf, color),
     .flag_offset = offsetof(Leaf, has_color),
     .optional = true,
     .default_json = "\"blue\""},
    {.name = "extra",
     .type = &qapi_type_any,
     .offset = offsetof(Leaf, extra),
     .flag_offset = QAPI_NO_FLAG,
     .optional = true,
     .default_json = "[1]"},
};
const QapiType type_Leaf = STRUCT(Leaf, .base = &type_Base, MEMBERS(leaf_members));

static const QapiMember inet_members[] = {
    NEED(Inet, host, "host", qapi_type_str),
    NEED(Inet, port, "port", qapi_type_str),
    FLAGGED(Inet, has_ipv4, ipv4, "ipv4", qapi_type_bool),
};
const QapiType type_Inet = STRUCT(Inet, MEMBERS(inet_members));

static const QapiMember unix_members[] = {NEED(Unix, path, "path", qapi_type_str)};
const QapiType type_Unix = STRUCT(Unix, MEMBERS(unix_members));

static const QapiMember box_members[] = {
    FLAGGED(Box, has_depth, depth, "depth", qapi_type_uint8),
    POINTER(Box, within, "within", type_Box),
};
const QapiType type_Box = STRUCT(Box, MEMBERS(box_members));

static const QapiEnumValue mode_values[] = {{.name = "fast"}, {.name = "slow"}, {.name = "idle"}};
static const uint16_t mode_sorted[] = {MODE_FAST, MODE_IDLE, MODE_SLOW};
static const QapiType type_Mode = ENUM(Mode, mode_values, mode_sorted);
static const QapiMember inner_members[] = {NEED(Inner, mode, "mode", type_Mode)};
static const QapiBranch inner_branches[] = {
    {.name = "fast", .type = &type_Inet, .offset = offsetof(Inner, u)},
    {.name = "slow", .type = &type_Unix, .offset = offsetof(Inner, u)},
    {.name = "idle"},
};
const QapiType type_Inner = {
    .name = "Inner",
    .kind = QAPI_KIND_UNION,
    .size = sizeof(Inner),
    MEMBERS(inner_members),
    .tag = &inner_members[0],
    BRANCHES(inner_branches),
};

static const QapiEnumValue kind_values[] = {
    {.name = "inet"}, {.name = "unix"}, {.name = "none"}, {.name = "deep"}};
static const uint16_t kind_sorted[] = {KIND_DEEP, KIND_INET, KIND_NONE, KIND_UNIX};
static const QapiType type_Kind = ENUM(Kind, kind_values, kind_sorted);
static const QapiMember addr_members[] = {
    NEED(Addr, type, "type", type_Kind),
    POINTER(Addr, note, "note", qapi_type_str),
};
static const QapiBranch addr_branches[] = {
    {.name = "inet", .type = &type_Inet, .offset = offsetof(Addr, u)},
    {.name = "unix", .type = &type_Unix, .offset = offsetof(Addr, u)},
    {.name = "none"},
    {.name = "deep", .type = &type_Inner, .offset = offsetof(Addr, u)},
};
const QapiType type_Addr = {
    .name = "Addr",
    .kind = QAPI_KIND_UNION,
    .size = sizeof(Addr),
    MEMBERS(addr_members),
    .tag = &addr_members[0],
    BRANCHES(addr_branches),
};
const QapiType type_AddrList = LIST(Addr);

static const QapiBranch alt_branches[] = {
    {.name = "s", .type = &qapi_type_str, .offset = offsetof(Alt, u)},
    {.name = "n", .type = &qapi_type_int, .offset = offsetof(Alt, u)},
    {.name = "b", .type = &qapi_type_bool, .offset = offsetof(Alt, u)},
    {.name = "z", .type = &qapi_type_null, .offset = offsetof(Alt, u)},
    {.name = "l", .type = &qapi_type_intList, .offset = offsetof(Alt, u)},
    {.name = "o", .type = &type_Box, .offset = offsetof(Alt, u)},
};
const QapiType type_Alt = {
    .name = "Alt", .kind = QAPI_KIND_ALTERNATE, .size = sizeof(Alt), BRANCHES(alt_branches)};
const QapiType type_AltList = LIST(Alt);

static const QapiMember kinds_members[] = {
    POINTER(Kinds, str, "str", qapi_type_str),
    POINTER(Kinds, any, "any", qapi_type_any),
    FLAGGED(Kinds, has_null, null, "null", qapi_type_null),
    FLAGGED(Kinds, has_bool, boolean, "bool", qapi_type_bool),
    FLAGGED(Kinds, has_number, number, "number", qapi_type_number),
    FLAGGED(Kinds, has_int, integer, "int", qapi_type_int),
    FLAGGED(Kinds, has_int8, int8, "int8", qapi_type_int8),
    FLAGGED(Kinds, has_int16, int16, "int16", qapi_type_int16),
    FLAGGED(Kinds, has_int32, int32, "int32", qapi_type_int32),
    FLAGGED(Kinds, has_int64, int64, "int64", qapi_type_int64),
    FLAGGED(Kinds, has_uint8, uint8, "uint8", qapi_type_uint8),
    FLAGGED(Kinds, has_uint16, uint16, "uint16", qapi_type_uint16),
    FLAGGED(Kinds, has_uint32, uint32, "uint32", qapi_type_uint32),
    FLAGGED(Kinds, has_uint64, uint64, "uint64", qapi_type_uint64),
    FLAGGED(Kinds, has_size, size, "size", qapi_type_size),
    FLAGGED(Kinds, has_qtype, qtype, "qtype", qapi_type_QType),
};
const QapiType type_Kinds = STRUCT(Kinds, MEMBERS(kinds_members));

static const QapiMember tree_members[] = {
    POINTER(Tree, leaf, "leaf", type_Leaf),
    POINTER(Tree, addr, "addr", type_Addr),
    FLAGGED(Tree, has_addrs, addrs, "addrs", type_AddrList),
    FLAGGED(Tree, has_names, names, "names", qapi_type_strList),
    POINTER(Tree, alt, "alt", type_Alt),
    FLAGGED(Tree, has_alts, alts, "alts", type_AltList),
    POINTER(Tree, kinds, "kinds", type_Kinds),
    {.name = "old",
     .type = &qapi_type_str,
     .offset = offsetof(Tree, old),
     .flag_offset = QAPI_NO_FLAG,
     .optional = true,
     .features = QAPI_FEATURE_DEPRECATED},
    {.name = "new",
     .type = &qapi_type_str,
     .offset = offsetof(Tree, new_),
     .flag_offset = QAPI_NO_FLAG,
     .optional = true,
     .features = QAPI_FEATURE_UNSTABLE},
    FLAGGED(Tree, has_colors, colors, "colors", type_ColorList),
};
const QapiType type_Tree = STRUCT(Tree, MEMBERS(tree_members));

static const QapiMember server_members[] = {
    NEED(Server, socket, "socket", type_Addr),
    NEED(Server, device, "device", qapi_type_str),
    POINTER(Server, box, "box", type_Box),
};
const QapiType type_Server = STRUCT(Server, MEMBERS(server_members));

static const QapiCommand get_tree = {.name = "get-tree", .ret = &type_Tree};
static const QapiCommand list_addrs = {
    .name = "list-addrs", .args = &type_Box, .ret = &type_AddrList, .features = 1 << 2};
static const QapiCommand old_one = {
    .name = "old-one", .flags = QAPI_COMMAND_OOB, .features = QAPI_FEATURE_DEPRECATED};
static const QapiCommand *const commands[] = {&get_tree, &list_addrs, &old_one};
static const QapiEvent tree_changed = {.name = "TREE_CHANGED", .args = &type_Server};
static const QapiEvent *const events[] = {&tree_changed};
static const char *const feature_names[] = {"deprecated", "unstable", "fdset"};

const QapiSchema test_schema = {
    .commands = commands,
    .n_commands = G_N_ELEMENTS(commands),
    .events = events,
    .n_events = G_N_ELEMENTS(events),
    .feature_names = feature_names,
    .n_features = G_N_ELEMENTS(feature_names),
};
