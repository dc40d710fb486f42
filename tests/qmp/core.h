/* SPDX-License-Identifier: BSD-3-Clause */
/* The fixture's server with qomd's own commands and types. */
#ifndef TEST_QMP_CORE_H
#define TEST_QMP_CORE_H

#include "fixture.h"

#include "qom/chardev.h"
#include "qom/object.h"

#define OK           "{\"return\": {}}"
#define ERROR(c, t)  "{\"error\": {\"class\": \"" c "\", \"desc\": \"" t "\"}}"
#define GE(text)     ERROR("GenericError", text)
#define DNF(text)    ERROR("DeviceNotFound", text)
#define CNF(text)    ERROR("CommandNotFound", text)
#define RETURN(text) "{\"return\": " text "}"

/* For cmocka, instead of server_setup() and server_teardown(). */
int core_setup(void **state);
int core_teardown(void **state);

/* A request in short, command and arguments, and its reply. */
void ask(Client *client, const char *command, const char *arguments, const char *reply);

bool object_exists(void *id);

#endif
