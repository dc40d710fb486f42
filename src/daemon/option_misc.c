/* SPDX-License-Identifier: BSD-3-Clause */
/* Parsers of the small options. */
#include "daemon/option.h"

#include "daemon/sandbox.h"

#include "base/log.h"
#include "io/fdset.h"
#include "qapi-cli.h"
#include "qapi-compat.h"
#include "qom/options.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool option_parse_name(Daemon *daemon, OptionUse *use, QomError **errp)
{
    NameOptions options;
    if (!option_decode(use, "guest", &options, errp)) {
        return false;
    }
    g_free(daemon->name);
    g_free(daemon->process);
    daemon->name = g_strdup(options.guest);
    daemon->process = g_strdup(options.process);
    qapi_clear(&qapi_type_NameOptions, &options);
    return true;
}

bool option_parse_msg(Daemon *daemon, OptionUse *use, QomError **errp)
{
    MessageOptions options;
    if (!option_decode(use, NULL, &options, errp)) {
        return false;
    }
    log_set_timestamp(options.timestamp);
    qapi_clear(&qapi_type_MessageOptions, &options);
    return true;
}

bool option_parse_compat(Daemon *daemon, OptionUse *use, QomError **errp)
{
    CompatPolicy compat;
    if (!option_decode(use, NULL, &compat, errp)) {
        return false;
    }
    QapiPolicy policy = {
        .deprecated_input = (QapiPolicyInput)compat.deprecated_input,
        .deprecated_output = (QapiPolicyOutput)compat.deprecated_output,
        .unstable_input = (QapiPolicyInput)compat.unstable_input,
        .unstable_output = (QapiPolicyOutput)compat.unstable_output,
    };
    qmp_set_compat(&policy);
    qapi_clear(&qapi_type_CompatPolicy, &compat);
    return true;
}

/* The same descriptor may be given to several sets, so the original stays open until the end. */
static bool add_fd(Daemon *daemon, const AddFdOptions *options, QomError **errp)
{
    if (!options->has_fd || options->fd < 0) {
        return qom_error_set(errp, "fd option is required and must be non-negative");
    }
    if (options->fd <= STDERR_FILENO) {
        return qom_error_set(errp, "fd cannot be a standard I/O stream");
    }
    int fd = options->fd <= INT_MAX ? (int)options->fd : -1;
    int flags = fcntl(fd, F_GETFD);
    if (flags < 0 || (flags & FD_CLOEXEC)) {
        return qom_error_set(errp, "fd is not valid or already in use");
    }
    if (!options->has_set || options->set < 0) {
        return qom_error_set(errp, "set option is required and must be non-negative");
    }
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) {
        return qom_error_set(errp, "error duplicating fd: %s", g_strerror(errno));
    }
    int64_t set;
    if (!io_fdset_add(copy, &options->set, options->opaque, &set, errp)) {
        return false;
    }
    g_array_append_val(daemon->given_fds, fd);
    return true;
}

bool option_parse_add_fd(Daemon *daemon, OptionUse *use, QomError **errp)
{
    AddFdOptions options;
    if (!option_decode(use, NULL, &options, errp)) {
        return false;
    }
    bool ok = add_fd(daemon, &options, errp);
    qapi_clear(&qapi_type_AddFdOptions, &options);
    return ok;
}

bool option_parse_uuid(Daemon *daemon, OptionUse *use, QomError **errp)
{
    if (!g_uuid_string_is_valid(use->text)) {
        return qom_error_set(errp, "failed to parse UUID string: wrong format");
    }
    g_free(daemon->uuid);
    daemon->uuid = g_ascii_strdown(use->text, -1);
    return true;
}

bool option_parse_machine(Daemon *daemon, OptionUse *use, QomError **errp)
{
    JSON_AUTO_TAPE(tape);
    QapiOptionsHow how = {.implied_key = "type", .warn = option_warn};
    bool help = false;
    tape = qapi_options_parse(use->text, &how, &help, errp);
    if (!tape) {
        return false;
    }
    if (help) {
        printf("Supported machines are:\n%-20s empty machine\n", "none");
        daemon->done = true;
        return true;
    }
    JsonTok type = json_tape_find(tape, JSON_ROOT, "type");
    if (type != JSON_NONE && !json_tok_equals(tape, type, "none")) {
        qom_error_set(errp, "unsupported machine type");
        qom_error_hint(errp, "Use -machine help to list supported machines");
        return false;
    }
    return true;
}

bool option_parse_pidfile(Daemon *daemon, OptionUse *use, QomError **errp)
{
    g_free(daemon->pidfile);
    daemon->pidfile = g_canonicalize_filename(use->text, NULL);
    return true;
}

bool option_parse_module(Daemon *daemon, OptionUse *use, QomError **errp)
{
    return daemon_load_module(daemon, use->text, errp);
}

bool option_parse_daemonize(Daemon *daemon, OptionUse *use, QomError **errp)
{
    daemon->detach = true;
    return true;
}

bool option_parse_wait(Daemon *daemon, OptionUse *use, QomError **errp)
{
    daemon->wait_for_cont = true;
    return true;
}

bool option_parse_preconfig(Daemon *daemon, OptionUse *use, QomError **errp)
{
    daemon->preconfig = true;
    return true;
}

bool option_parse_sandbox(Daemon *daemon, OptionUse *use, QomError **errp)
{
    SandboxOptions options;
    if (strcmp(use->text, "help") == 0) {
        fputs(sandbox_help(), stdout);
        daemon->done = true;
        return true;
    }
    if (!option_decode(use, "enable", &options, errp)) {
        return false;
    }
    daemon->sandbox = options;
    return true;
}
