/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table of options. To add one, add a line here and its parser to one of the option_*.c.
 */
#include "daemon/option.h"

#include "qapi-cli.h"
#include "qapi-compat.h"
#include "qapi-control.h"

#include <string.h>

/* What management passes by rote to a QEMU that runs a machine. */
#define IGNORED(option, value_text, group_name)                                     \
    {                                                                               \
        .name = (option), .value = (value_text), .help = "accepted without effect", \
        .stage = STAGE_PLAN, .group = (group_name)                                  \
    }

static const Option table[] = {
    {"h", NULL, "print this help and exit", STAGE_SCAN, option_parse_help},
    {"help", NULL, "the same", STAGE_SCAN, option_parse_help},
    {"version", NULL, "print the version and exit", STAGE_SCAN, option_parse_version},
    {"readconfig", "FILE", "read options from the INI file FILE", STAGE_SCAN,
     option_parse_readconfig},

    {"msg", "timestamp=on|off", "what stands in front of messages", STAGE_FIRST, option_parse_msg,
     "msg", &qapi_type_MessageOptions},
    {"module", "FILE", "load the types and commands of a third party's module", STAGE_FIRST,
     option_parse_module},

    {"object", "TYPE,id=ID[,PROPERTY=VALUE...]",
     "create an object; 'help' lists the types, 'TYPE,help' the properties of one", STAGE_PLAN,
     option_parse_object, "object"},
    {"chardev", "BACKEND,id=ID[,OPTION=VALUE...]",
     "create a character device; 'help' lists the back ends", STAGE_PLAN, option_parse_chardev,
     "chardev"},
    {"mon", "[chardev=]ID[,mode=control][,pretty=on|off][,max-clients=N][,policy=NAME]",
     "serve QMP on a character device", STAGE_PLAN, option_parse_mon, "mon",
     &qapi_type_MonitorOptions},
    {"monitor", "[chardev=]ID[,...]|none", "the same", STAGE_PLAN, option_parse_monitor, NULL,
     &qapi_type_MonitorOptions},
    {"qmp", "DEV", "serve QMP on a new character device, such as unix:PATH,server=on,wait=off",
     STAGE_PLAN, option_parse_qmp},
    {"qmp-pretty", "DEV", "the same, with output for people", STAGE_PLAN, option_parse_qmp_pretty},
    {"add-fd", "fd=N,set=SET[,opaque=TEXT]", "add an inherited descriptor to a set", STAGE_PLAN,
     option_parse_add_fd, "add-fd", &qapi_type_AddFdOptions},
    {"compat", "[deprecated-input=accept|reject|crash][,deprecated-output=accept|hide][,...]",
     "what to do with deprecated and unstable interfaces", STAGE_PLAN, option_parse_compat,
     "compat", &qapi_type_CompatPolicy},

    {"name", "[guest=]NAME[,process=NAME][,debug-threads=on|off]", "names of the instance",
     STAGE_PLAN, option_parse_name, "name", &qapi_type_NameOptions},
    {"uuid", "UUID", "what query-uuid tells", STAGE_PLAN, option_parse_uuid},
    {"S", NULL, "begin in state prelaunch, until the command cont", STAGE_PLAN, option_parse_wait},
    {"preconfig", NULL, "begin with few commands, until x-exit-preconfig", STAGE_PLAN,
     option_parse_preconfig},
    {"daemonize", NULL, "go to the background once serving", STAGE_PLAN, option_parse_daemonize},
    {"pidfile", "FILE", "write the process id to FILE, and lock it", STAGE_PLAN,
     option_parse_pidfile},
    {"sandbox", "on[,obsolete=allow|deny][,elevateprivileges=allow|deny|children][,...]",
     "give up system calls; also spawn= and resourcecontrol=allow|deny; 'help' lists those kept",
     STAGE_PLAN, option_parse_sandbox, "sandbox", &qapi_type_SandboxOptions},
    {"run-with", "[user=USER][,chroot=DIR][,async-teardown=on|off]",
     "give up rights before serving; USER is NAME, NAME:GROUP or UID:GID", STAGE_PLAN,
     option_parse_run_with, "run-with", &qapi_type_RunWithOptions},
    {"runas", "USER", "the same as -run-with user=USER", STAGE_PLAN, option_parse_runas},
    {"chroot", "DIR", "the same as -run-with chroot=DIR", STAGE_PLAN, option_parse_chroot},
    {"machine", "none[,...]", "only 'none' is known", STAGE_PLAN, option_parse_machine, "machine"},
    {"M", "none[,...]", "the same", STAGE_PLAN, option_parse_machine},

    IGNORED("accel", "ACCEL", NULL),
    IGNORED("audio", "DRIVER", NULL),
    IGNORED("boot", "ORDER", "boot-opts"),
    IGNORED("cpu", "MODEL", NULL),
    IGNORED("display", "TYPE", NULL),
    IGNORED("enable-kvm", NULL, NULL),
    IGNORED("global", "DRIVER.PROPERTY=VALUE", "global"),
    IGNORED("m", "SIZE", "memory"),
    IGNORED("no-acpi", NULL, NULL),
    IGNORED("no-hpet", NULL, NULL),
    IGNORED("no-reboot", NULL, NULL),
    IGNORED("no-shutdown", NULL, NULL),
    IGNORED("no-user-config", NULL, NULL),
    IGNORED("nodefaults", NULL, NULL),
    IGNORED("nographic", NULL, NULL),
    IGNORED("overcommit", "OPTION=VALUE", "overcommit"),
    IGNORED("parallel", "DEV", NULL),
    IGNORED("rtc", "OPTION=VALUE", "rtc"),
    IGNORED("serial", "DEV", NULL),
    IGNORED("smp", "N", "smp-opts"),
    IGNORED("trace", "EVENTS", NULL),
    IGNORED("vga", "TYPE", NULL),
};

const Option *option_table(size_t *n)
{
    *n = G_N_ELEMENTS(table);
    return table;
}

const Option *option_find(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        if (strcmp(table[i].name, name) == 0) {
            return &table[i];
        }
    }
    return NULL;
}

const Option *option_find_group(const char *group)
{
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        if (table[i].group && strcmp(table[i].group, group) == 0) {
            return &table[i];
        }
    }
    return NULL;
}
