/* SPDX-License-Identifier: BSD-3-Clause */
/* The policy on deprecated and unstable interfaces (`-compat`); sheet on QAPI, section 12.7. */
#include "base/log.h"
#include "qapi/engine.h"

#include <stdlib.h>

static bool refuse(QapiPolicyInput rule, const char *state, const char *what, const char *name,
                   size_t len, QomError **errp)
{
    int shown = (int)MIN(len, 1024);
    QomErrorClass error_class =
        strcmp(what, "command") == 0 ? QOM_ERROR_COMMAND_NOT_FOUND : QOM_ERROR_GENERIC;
    if (rule == QAPI_INPUT_CRASH) {
        log_error("%s %s %.*s disabled by policy", state, what, shown, name);
        abort(); /* what the user of this policy asked for */
    }
    return qom_error_set_class(errp, error_class, "%s %s %.*s disabled by policy", state, what,
                               shown, name);
}

bool qapi_policy_input(const QapiPolicy *policy, uint64_t features, const char *what,
                       const char *name, size_t len, QomError **errp)
{
    if (!policy || !(features & (QAPI_FEATURE_DEPRECATED | QAPI_FEATURE_UNSTABLE))) {
        return true;
    }
    if ((features & QAPI_FEATURE_DEPRECATED) && policy->deprecated_input != QAPI_INPUT_ACCEPT) {
        return refuse(policy->deprecated_input, "Deprecated", what, name, len, errp);
    }
    if ((features & QAPI_FEATURE_UNSTABLE) && policy->unstable_input != QAPI_INPUT_ACCEPT) {
        return refuse(policy->unstable_input, "Unstable", what, name, len, errp);
    }
    return true;
}

bool qapi_policy_command(const QapiPolicy *policy, const QapiCommand *command, QomError **errp)
{
    return qapi_policy_input(policy, command->features, "command", command->name,
                             strlen(command->name), errp);
}

uint64_t qapi_policy_hidden(const QapiPolicy *policy)
{
    uint64_t hidden = 0;
    if (policy && policy->deprecated_output == QAPI_OUTPUT_HIDE) {
        hidden |= QAPI_FEATURE_DEPRECATED;
    }
    if (policy && policy->unstable_output == QAPI_OUTPUT_HIDE) {
        hidden |= QAPI_FEATURE_UNSTABLE;
    }
    return hidden;
}

bool qapi_policy_hides(const QapiPolicy *policy, uint64_t features)
{
    return (features & qapi_policy_hidden(policy)) != 0;
}
