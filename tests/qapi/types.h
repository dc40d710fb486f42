/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A schema written by hand, as `qapic gen` would write it, with every kind of type and nesting:
 *
 *   enum Color { red, green {deprecated}, blue {unstable} }
 *   struct Base { name: str, *level: int }
 *   struct Leaf, base Base { *bytes: size, *on: bool, *nodes: [uint16], *color: Color, *extra: any
 * } struct Inet { host: str, port: str, *ipv4: bool }        struct Unix { path: str } struct Box {
 * *depth: uint8, *within: Box } union Inner, tag `mode` { fast: Inet, slow: Unix, idle: (empty) }
 *   union Addr, base { type: Kind, *note: str }, tag `type` { inet, unix, none: (empty), deep:
 * Inner } alternate Alt { s: str, n: int, b: bool, z: null, l: [int], o: Box } struct Kinds: one
 * optional member of each built-in type, called as the type struct Tree { *leaf: Leaf, *addr: Addr,
 * *addrs: [Addr], *names: [str], *alt: Alt, *alts: [Alt], *kinds: Kinds, *old: str {deprecated},
 * *new: str {unstable}, *colors: [Color] } struct Server { socket: Addr, device: str, *box: Box }
 */
#ifndef TESTS_QAPI_TYPES_H
#define TESTS_QAPI_TYPES_H

#include "qom/qapi.h"

typedef enum Color { COLOR_RED, COLOR_GREEN, COLOR_BLUE } Color;
QAPI_DECLARE_LIST(ColorList, Color);

typedef struct Base {
    char *name;
    bool has_level;
    int64_t level;
} Base;

typedef struct Leaf {
    char *name;
    bool has_level;
    int64_t level;
    bool has_bytes;
    uint64_t bytes;
    bool has_on;
    bool on;
    bool has_nodes;
    uint16List nodes;
    bool has_color;
    Color color;
    char *extra;
} Leaf;

typedef struct Inet {
    char *host;
    char *port;
    bool has_ipv4;
    bool ipv4;
} Inet;

typedef struct Unix {
    char *path;
} Unix;

typedef struct Box Box;
struct Box {
    bool has_depth;
    uint8_t depth;
    Box *within;
};

typedef enum Mode { MODE_FAST, MODE_SLOW, MODE_IDLE } Mode;
typedef struct Inner {
    Mode mode;
    union {
        Inet fast;
        Unix slow;
    } u;
} Inner;

typedef enum Kind { KIND_INET, KIND_UNIX, KIND_NONE, KIND_DEEP } Kind;
typedef struct Addr {
    Kind type;
    char *note;
    union {
        Inet inet;
        Unix unix_;
        Inner deep;
    } u;
} Addr;
QAPI_DECLARE_LIST(AddrList, Addr);

typedef struct Alt {
    QType type;
    union {
        char *s;
        int64_t n;
        bool b;
        QapiNull z;
        intList l;
        Box o;
    } u;
} Alt;
QAPI_DECLARE_LIST(AltList, Alt);

typedef struct Kinds {
    char *str;
    char *any;
    bool has_null, has_bool, has_number, has_int, has_int8, has_int16, has_int32, has_int64;
    bool has_uint8, has_uint16, has_uint32, has_uint64, has_size, has_qtype;
    QapiNull null;
    bool boolean;
    double number;
    int64_t integer;
    int8_t int8;
    int16_t int16;
    int32_t int32;
    int64_t int64;
    uint8_t uint8;
    uint16_t uint16;
    uint32_t uint32;
    uint64_t uint64;
    uint64_t size;
    QType qtype;
} Kinds;

typedef struct Tree {
    Leaf *leaf;
    Addr *addr;
    bool has_addrs;
    AddrList addrs;
    bool has_names;
    strList names;
    Alt *alt;
    bool has_alts;
    AltList alts;
    Kinds *kinds;
    char *old;
    char *new_;
    bool has_colors;
    ColorList colors;
} Tree;

typedef struct Server {
    Addr *socket;
    char *device;
    Box *box;
} Server;

extern const QapiType type_Color, type_ColorList, type_Base, type_Leaf, type_Inet, type_Unix,
    type_Box, type_Inner, type_Addr, type_AddrList, type_Alt, type_AltList, type_Kinds, type_Tree,
    type_Server;

/* Commands get-tree (returns Tree), list-addrs (takes Box, returns [Addr]), old-one {deprecated}
 * (takes nothing, OOB), event TREE_CHANGED (Server). */
extern const QapiSchema test_schema;

#endif
