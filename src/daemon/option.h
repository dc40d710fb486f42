/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Options of the command line: one table says everything about them. Scanning, help, files of
 * -readconfig and query-command-line-options all read it.
 */
#ifndef DAEMON_OPTION_H
#define DAEMON_OPTION_H

#include "daemon/daemon.h"
#include "qom/qapi.h"

typedef struct Option Option;

/* An option as it was given. */
typedef struct OptionUse {
    const Option *option;
    char *text;  /* its value or NULL; may be overwritten, never moved */
    char *where; /* of a file of -readconfig: file and line; text is then owned. NULL: argv */
} OptionUse;

/* Does what an option says: mostly adds to the plan. */
typedef bool OptionParse(Daemon *daemon, OptionUse *use, QomError **errp);

/* When an option is parsed, whatever its place on the command line. */
typedef enum OptionStage {
    STAGE_SCAN,  /* at once: -h, -version, -readconfig */
    STAGE_FIRST, /* what rules how others are read */
    STAGE_PLAN,
    STAGE_COUNT,
} OptionStage;

struct Option {
    const char *name;  /* without dashes */
    const char *value; /* what stands for its value in help; NULL: it takes none */
    const char *help;
    OptionStage stage;
    OptionParse *parse;     /* NULL: accepted without effect */
    const char *group;      /* its group in a file of -readconfig and in
                             * query-command-line-options; NULL: in neither */
    const QapiType *params; /* what its value is decoded into; NULL: nothing fixed */
};

/* All options, in the order of help. */
const Option *option_table(size_t *n);

/* By the name without dashes; NULL if there is none. */
const Option *option_find(const char *name);
/* By the group; NULL if there is none. */
const Option *option_find_group(const char *group);

/* Parses the command line. What is wrong has been reported. */
bool options_parse(Daemon *daemon, int argc, char **argv);

/* Notes a use of @option. @text stays the caller's (part of argv) if @where is NULL, else both are
 * taken over. */
void option_use(Daemon *daemon, const Option *option, char *text, char *where);

/* "-object TEXT", or what a file of -readconfig is called. New memory. */
char *option_context(const OptionUse *use);

/* Decodes the text of @use into @out, room for a value of its option's params; @implied_key as in
 * qom/options.h. */
bool option_decode(const OptionUse *use, const char *implied_key, void *out, QomError **errp);

/* A QapiOptionsHow's warn: puts the message on stderr. */
void option_warn(void *opaque, const char *message);

/* --- Parsers, by file ------------------------------------------------------------------------ */

/* option_help.c */
OptionParse option_parse_help, option_parse_version;
/* option_readconfig.c */
OptionParse option_parse_readconfig;
/* option_object.c */
OptionParse option_parse_object;
/* What `-object help` and `-object TYPE,help` print, as @tape has a qom-type or not. For g_free();
 * NULL and *errp if there is no such type. */
char *option_object_help(const JsonTape *tape, QomError **errp);
/* option_monitor.c */
OptionParse option_parse_chardev, option_parse_mon, option_parse_monitor, option_parse_qmp,
    option_parse_qmp_pretty;
/* Whether what is planned fits together, such as monitors and character devices; reports what does
 * not. */
bool option_check_plan(Daemon *daemon);
/* option_misc.c */
OptionParse option_parse_name, option_parse_msg, option_parse_compat, option_parse_add_fd,
    option_parse_uuid, option_parse_machine, option_parse_pidfile, option_parse_module,
    option_parse_daemonize, option_parse_wait, option_parse_preconfig, option_parse_sandbox;
/* run_with.c */
OptionParse option_parse_run_with, option_parse_runas, option_parse_chroot;

#endif
