/* SPDX-License-Identifier: BSD-3-Clause */
/* The arguments of a QMP command from a subcommand's operands. */
#ifndef CLIENT_COMMAND_H
#define CLIENT_COMMAND_H

#include "client/arguments.h"
#include "client/client.h"

/* Takes the single operand as a JSON object; *arguments is its text, new memory. False after a
 * message about a wrong use. */
bool command_json(const Client *client, char **operands, size_t n, char **arguments);

/*
 * Types the arguments by the server's schema, in one round trip, and puts the JSON text into
 * *arguments (new memory). A server that has no schema gets what its text looks like. False after a
 * message, with the exit status in *status.
 */
bool command_arguments(Client *client, const char *command, const Arguments *a, char **arguments,
                       int *status);

#endif
