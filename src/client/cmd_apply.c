/* SPDX-License-Identifier: BSD-3-Clause */
/* `qom apply` and `qom diff`: a server as a file says. */
#include "client/plan.h"

#include <stdio.h>
#include <string.h>

/* The answer with --json. */
static void show_json(const Plan *plan, bool done)
{
    JSON_AUTO_WRITER(w);
    w = json_writer_new(false);
    json_writer_begin_object(w);
    json_writer_key(w, "changes");
    plan_write(plan, w);
    json_writer_key(w, "applied");
    json_writer_bool(w, done);
    json_writer_end_object(w);
    print_json(w);
}

static void show(const Client *client, const Plan *plan, bool done)
{
    if (client_json(client)) {
        show_json(plan, done);
        return;
    }
    g_autofree char *summary = plan_summary(plan);
    plan_show(plan, &client->printer);
    printf("%s%s\n", summary, done && plan->changes->len > 0 ? ": done" : "");
}

/* Compares and, if @apply, makes the changes. @dry_run: only has the server check them. */
static int run(Client *client, const char *path, bool prune, bool apply, bool dry_run)
{
    int status;
    QOM_AUTO_ERROR(err);
    __attribute__((cleanup(config_freep))) Config *wanted = NULL;
    __attribute__((cleanup(plan_freep))) Plan *plan = NULL;

    if (client->inner && !strcmp(path, "-")) {
        return client_usage(client, "standard input is the shell's; name a file");
    }
    wanted = config_read(path, &err);
    if (!wanted) {
        return client_usage_error(client, NULL, g_steal_pointer(&err));
    }
    if (!client_connect(client, &status)) {
        return status;
    }
    Live *live = live_read(client->connection, wanted, &err);
    if (!live) {
        return client_fail(client, NULL, g_steal_pointer(&err));
    }
    plan = plan_new(client->connection, live, wanted, prune, &err);
    if (!plan) {
        return client_usage_error(client, path, g_steal_pointer(&err));
    }
    bool done = !apply || plan_run(plan, client, dry_run, &err);
    show(client, plan, done && apply && !dry_run);
    if (!done) {
        return client_fail(client, NULL, g_steal_pointer(&err));
    }
    bool same = plan->changes->len == 0;
    return same || (apply && !dry_run) ? CLIENT_OK : CLIENT_DIFFERENT;
}

int cmd_apply(Client *client, char **operands, size_t n)
{
    return run(client, operands[0], client->option[CLIENT_OPT_PRUNE] != NULL, true,
               client->option[CLIENT_OPT_DRY_RUN] != NULL);
}

int cmd_diff(Client *client, char **operands, size_t n)
{
    return run(client, operands[0], client->option[CLIENT_OPT_PRUNE] != NULL, false, false);
}
