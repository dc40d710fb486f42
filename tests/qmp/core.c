/* SPDX-License-Identifier: BSD-3-Clause */
#include "core.h"

#include "qom/backend.h"

#include <string.h>

int core_setup(void **state)
{
    static bool added;
    if (!added) {
        qom_backend_register_types();
        qmp_add_core_schema();
        qom_type_check_all();
        added = true;
    }
    loop_set_main(loop_new(NULL));
    return 0;
}

int core_teardown(void **state)
{
    qmp_shutdown();
    qom_objects_clear();
    chardev_cleanup(0);
    qom_tree_destroy();
    loop_free(loop_main());
    loop_set_main(NULL);
    qmp_set_compat(&(QapiPolicy){0});
    qmp_set_preconfig(false);
    return 0;
}

void ask(Client *client, const char *command, const char *arguments, const char *reply)
{
    g_autofree char *request =
        g_strdup_printf("{'execute':'%s','arguments':{%s}}", command, arguments);
    say(client, request);
    const char *got = hear(client);
    if (strcmp(got, reply) != 0) {
        fail_msg("%s\n  got      %s\n  expected %s", request, got, reply);
    }
}

bool object_exists(void *id)
{
    return qom_object_child(qom_objects(), id) != NULL;
}
