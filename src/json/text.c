/* SPDX-License-Identifier: BSD-3-Clause */
/* Parsing a whole text that is one value; see qom/json.h. */
#include "json/parser.h"

JsonTape *json_parse_text(const char *text, size_t len, QomError **errp)
{
    JsonParser *p = json_parser_new(NULL);
    JsonTape *tape = NULL;
    bool ended = false;

    while (!ended || len > 0) {
        size_t used = 0;
        JsonStatus status = len > 0 ? json_parser_feed(p, text, len, &used) : json_parser_finish(p);

        ended = len == 0;
        text += used;
        len -= used;
        if (status == JSON_MORE) {
            continue;
        }
        if (tape || status == JSON_ERROR) {
            qom_error_set(errp, "%s",
                          tape ? "Expecting at most one JSON value" : json_parser_error(p));
            json_tape_free(tape);
            json_parser_free(p);
            return NULL;
        }
        tape = json_parser_take(p);
    }
    json_parser_free(p);
    if (!tape) {
        qom_error_set(errp, "Expecting a JSON value");
    }
    return tape;
}
