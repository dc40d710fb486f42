/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the engine costs, in ns a value, best of several turns, everything warm:
 *
 *     get     the arguments of qom-get: two strings of 20 bytes
 *     leaf    seven members: string, integer, size, bool, enum, a list of four, any
 *     tree    a union, a list of three unions, strings and lists, nested (19 values)
 *     late    a union of 1 MiB whose tag comes last, in ns a byte
 *
 * parse: text to tape; decode: tape to struct in an arena, with its reset; heap: the same with
 * g_malloc and qapi_clear(); encode: struct to text.
 */
#include "../tests/qapi/types.h"
#include "qom/json.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { TURNS = 9, ROUNDS = 20000 };

typedef struct Case {
    const char *name;
    const QapiType *type;
    const char *json;
    JsonTape *tape;
    QapiArena *arena;
    JsonWriter *writer;
    _Alignas(max_align_t) char value[512];
} Case;

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void do_parse(Case *c)
{
    json_tape_free(json_parse_text(c->json, strlen(c->json), NULL));
}

static void do_decode(Case *c)
{
    char value[512];
    qapi_decode(&(QapiDecode){.arena = c->arena}, c->type, c->tape, JSON_ROOT, value, NULL);
    qapi_arena_reset(c->arena);
}

static void do_heap(Case *c)
{
    char value[512];
    qapi_decode(NULL, c->type, c->tape, JSON_ROOT, value, NULL);
    qapi_clear(c->type, value);
}

static void do_encode(Case *c)
{
    json_writer_reset(c->writer);
    qapi_encode(c->type, c->value, NULL, c->writer, NULL);
}

static double best_ns(void (*work)(Case *c), Case *c, int rounds)
{
    double best = 1e18;
    for (int turn = 0; turn < TURNS; turn++) {
        double start = now_ns();
        for (int i = 0; i < rounds; i++) {
            work(c);
        }
        best = MIN(best, (now_ns() - start) / rounds);
    }
    return best;
}

static void case_open(Case *c)
{
    QOM_AUTO_ERROR(err);
    c->tape = json_parse_text(c->json, strlen(c->json), &err);
    c->arena = qapi_arena_new();
    c->writer = json_writer_new(false);
    if (!c->tape || !qapi_decode(NULL, c->type, c->tape, JSON_ROOT, c->value, &err)) {
        g_error("%s: %s", c->name, qom_error_message(err));
    }
}

static void case_close(Case *c)
{
    qapi_clear(c->type, c->value);
    json_writer_free(c->writer);
    qapi_arena_free(c->arena);
    json_tape_free(c->tape);
}

static void bench_small(Case *c)
{
    case_open(c);
    printf("%-5s %4zu bytes: parse %5.0f, decode %5.0f, heap %5.0f, encode %5.0f ns\n", c->name,
           strlen(c->json), best_ns(do_parse, c, ROUNDS), best_ns(do_decode, c, ROUNDS),
           best_ns(do_heap, c, ROUNDS), best_ns(do_encode, c, ROUNDS));
    case_close(c);
}

static void bench_late_tag(void)
{
    GString *json = g_string_new("{'port': 'p', 'host': '");
    for (int i = 0; i < 1 << 20; i++) {
        g_string_append_c(json, 'x');
    }
    g_string_append(json, "', 'type': 'inet'}");
    Case c = {.name = "late", .type = &type_Addr, .json = json->str};
    case_open(&c);
    printf("late: decode %.2f ns a byte\n", best_ns(do_decode, &c, 20) / (double)json->len);
    case_close(&c);
    g_string_free(json, TRUE);
}

int main(void)
{
    Case cases[] = {
        {.name = "get",
         .type = &type_Inet,
         .json = "{\"host\": \"/objects/iothread-0\", \"port\": \"poll-max-ns-and-more\"}"},
        {.name = "leaf",
         .type = &type_Leaf,
         .json = "{\"name\": \"ram0\", \"level\": 3, \"bytes\": 1073741824, \"on\": true, "
                 "\"nodes\": [0, 1, 2, 3], \"color\": \"red\", \"extra\": {\"a\": 1}}"},
        {.name = "tree",
         .type = &type_Tree,
         .json = "{\"leaf\": {\"name\": \"ram0\", \"level\": 3, \"bytes\": 1073741824}, "
                 "\"addr\": {\"type\": \"deep\", \"mode\": \"slow\", \"path\": \"/run/x\"}, "
                 "\"addrs\": [{\"type\": \"unix\", \"path\": \"/a\"}, {\"type\": \"none\"}, "
                 "{\"type\": \"inet\", \"host\": \"h\", \"port\": \"1\"}], "
                 "\"names\": [\"one\", \"two\", \"three\"], \"alts\": [1, \"x\"]}"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        bench_small(&cases[i]);
    }
    bench_late_tag();
    return 0;
}
