/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `qom`, the command line client. bin/qom.c calls client_main(); the rest of this header is what a
 * subcommand (cmd_*.c) may use: it gets its operands, counted and known to be UTF-8, asks for a
 * connection with client_connect() when it knows that it needs one, and returns an exit status.
 */
#ifndef CLIENT_CLIENT_H
#define CLIENT_CLIENT_H

#include "client/connection.h"
#include "client/print.h"
#include "client/schema.h"

/* Exit statuses; part of the interface, see qom(1). */
typedef enum ClientExit {
    CLIENT_OK = 0,
    CLIENT_DIFFERENT = 1, /* `qom diff` and a dry run: not as the file says */
    CLIENT_USAGE = 2,
    CLIENT_CONNECTION = 3,
    CLIENT_GENERIC_ERROR = 4, /* this and those below: the server's error, by class */
    CLIENT_COMMAND_NOT_FOUND = 5,
    CLIENT_DEVICE_NOT_FOUND = 6,
    CLIENT_DEVICE_NOT_ACTIVE = 7,
    CLIENT_KVM_MISSING_CAP = 8,
    CLIENT_OUTPUT = 9, /* stdout can not be written */
} ClientExit;

typedef enum ClientOption {
    CLIENT_OPT_SOCKET,
    CLIENT_OPT_JSON,
    CLIENT_OPT_TIMEOUT,
    CLIENT_OPT_COLOR,
    CLIENT_OPT_HELP,
    CLIENT_OPT_VERSION,
    CLIENT_OPT_GLOBAL, /* those before are for every subcommand */
    CLIENT_OPT_DEPTH = CLIENT_OPT_GLOBAL,
    CLIENT_OPT_NAMES,
    CLIENT_OPT_PATH,
    CLIENT_OPT_IMPLEMENTS,
    CLIENT_OPT_ABSTRACT,
    CLIENT_OPT_COUNT,
    CLIENT_OPT_RECURSE,
    CLIENT_OPT_INTERVAL,
    CLIENT_OPT_DRY_RUN,
    CLIENT_OPT_PRUNE,
    CLIENT_OPT_SEARCH,
    CLIENT_OPT_DOT,
    CLIENT_OPT_FOREGROUND,
    CLIENT_OPT_MOUNT,
    CLIENT_OPT_ONCE,
    CLIENT_OPTIONS,
} ClientOption;

typedef struct Client {
    const char *option[CLIENT_OPTIONS]; /* the value, "" for a flag, NULL if not given */
    GPtrArray *operands;                /* of char *; the first is the subcommand */
    const struct ClientCommand *command;
    Connection *connection;
    Schema *schema;      /* see client_schema() */
    GHashTable *present; /* see client_has() */
    Printer printer;
    bool inner; /* runs a line of `qom shell`, which has the connection and standard input */
} Client;

typedef struct ClientCommand {
    const char *name;
    int (*run)(Client *client, char **operands, size_t n);
    unsigned options;  /* 1 << CLIENT_OPT_... beyond the global ones */
    size_t min, max;   /* how many operands */
    const char *usage; /* the operands as help shows them */
    const char *summary;
    bool alone; /* stays until it is interrupted, so that no shell can run it */
} ClientCommand;

/* The whole program. */
int client_main(int argc, char **argv);

/* complete.c: `qom __complete LINE`, for shells: prints the words that the last one of LINE may
 * become, one a line; one that ends in a blank is finished. Says nothing if it knows nothing. */
int client_complete(Client *client, const char *line);

/* The subcommand of that name, or NULL. */
const ClientCommand *client_find_command(const char *name);
/* Subcommand number @i in the order of the help; NULL behind the last. */
const ClientCommand *client_command(size_t i);

/* Runs the subcommand that @words (operands and options) say, over the connection and with the
 * global options of @client; returns its exit status. */
int client_run_words(Client *client, char **words, size_t n);

/* --- options.c ------------------------------------------------------------------------------- */

/* Sorts @argv into options and operands; false after a message to stderr. */
bool client_parse(Client *client, int argc, char **argv);
/* The option that @arg (`-x`, `--name`) names, with *value behind a `=` or behind the letter, else
 * NULL. -1: there is none. */
int client_find_option(const char *arg, const char **value);
/* The long name of an option. */
const char *client_option_name(ClientOption option, bool *takes_value);
/* The subcommand takes the options that were given; false after a message. */
bool client_check_options(const Client *client);
/* The help lines of the options in the bit set @options, to stdout. */
void client_help_options(unsigned options);
/* Reads the value of an option as a number of things from 0 to @max. */
bool client_option_number(Client *client, ClientOption option, double max, double *value);
/* Reads --count, from 1 on; UINT64_MAX if it is not given. */
bool client_option_count(Client *client, uint64_t *count);

/* --- report.c: errors, to stderr, as JSON with --json ----------------------------------------- */

/* Reports a wrong use; returns CLIENT_USAGE. */
int client_usage(const Client *client, const char *fmt, ...) QOM_PRINTF(2, 3);
/* Reports @err, of a local conversion, as a wrong use: "@context: message". Frees it. */
int client_usage_error(const Client *client, const char *context, QomError *err);
/* Reports what the server or the connection said; returns the exit status for it. Frees @err. */
int client_fail(const Client *client, const char *context, QomError *err);
/* Tells what the exit status does not. The text may have parts that a server has said. */
void client_warn(const Client *client, const char *fmt, ...) QOM_PRINTF(2, 3);
/* Writes the value of a member `error` of a result to @w. */
void client_write_error(JsonWriter *w, const QomError *err);

/* --- What subcommands need ------------------------------------------------------------------- */

/* Connects, if that has not been done; false after a message: the subcommand then returns *status,
 * which is CLIENT_CONNECTION, or CLIENT_USAGE if there is no address. */
bool client_connect(Client *client, int *status);
bool client_json(const Client *client);

/* Splits `PATH.PROPERTY` at the last dot of the last component. New memory. False: no dot. */
bool client_split(const char *text, char **path, char **property);

/* The one member by which the entry of a list is known, or "": `name` of what is at @tok. */
const char *client_member(const JsonTape *tape, JsonTok tok, const char *name);
/* The boolean that is the member @name of what is at @tok, or @otherwise. */
bool client_flag(const JsonTape *tape, JsonTok tok, const char *name, bool otherwise);

/* --- server.c: what the server has, asked once for each connection ---------------------------- */

/* Closes the connection, if there is one, and forgets what was learned through it. */
void client_disconnect(Client *client);

/* Whether the server has @command. False also if the connection fails, which the next answer shows.
 * All commands must have been answered. */
bool client_has(Client *client, const char *command);

/* The server's schema; the client's. NULL if the server tells none, or the connection fails, then
 * with *errp. All commands must have been answered, unless the schema was asked for before. */
const Schema *client_schema(Client *client, QomError **errp);

/* The canonical path of the object at @path, as far as the server can tell: events and values have
 * that. New memory; as @path, if nothing is known. */
char *client_whole_path(Client *client, const char *path);

/* An event as a line for a person, or as JSON with --json. New memory, without a newline. */
char *client_event_text(const Client *client, const JsonTape *event);

/* --- follow.c: what happens on the server, as it happens ---------------------------------------
 */

/*
 * Hands events to the connection's callback, which may set *done, writes out what was printed, and
 * waits up to @timeout_ms (CONNECTION_FOREVER: without end) for more. False: it is over; *status is
 * CLIENT_OK if it is done or nobody reads the output any more, else CLIENT_CONNECTION after a
 * message.
 */
bool client_follow(Client *client, int64_t timeout_ms, const bool *done, int *status);

int cmd_tree(Client *client, char **operands, size_t n);
int cmd_list(Client *client, char **operands, size_t n);
int cmd_get(Client *client, char **operands, size_t n);
int cmd_set(Client *client, char **operands, size_t n);
int cmd_add(Client *client, char **operands, size_t n);
int cmd_del(Client *client, char **operands, size_t n);
int cmd_types(Client *client, char **operands, size_t n);
int cmd_props(Client *client, char **operands, size_t n);
int cmd_call(Client *client, char **operands, size_t n);
int cmd_events(Client *client, char **operands, size_t n);
int cmd_watch(Client *client, char **operands, size_t n);
int cmd_apply(Client *client, char **operands, size_t n);
int cmd_diff(Client *client, char **operands, size_t n);
int cmd_dump(Client *client, char **operands, size_t n);
int cmd_schema(Client *client, char **operands, size_t n);
int cmd_graph(Client *client, char **operands, size_t n);
int cmd_shell(Client *client, char **operands, size_t n);
int cmd_top(Client *client, char **operands, size_t n);
int cmd_mount(Client *client, char **operands, size_t n);

#endif
