/* SPDX-License-Identifier: BSD-3-Clause */
/* Where types and commands come from: those of this program, and modules of third parties. */
#include "daemon/daemon.h"

#include "base/module.h"
#include "qom/backend.h"
#include "qom/module.h"
#include "qom/object.h"

void daemon_register_types(void)
{
    qom_backend_register_types();
    qmp_add_core_schema();
    qom_type_check_all();
}

bool daemon_load_module(Daemon *daemon, const char *path, QomError **errp)
{
    void *handle = module_open_file(path, errp);
    const QomModule *module = handle ? module_symbol(handle, "qom_module", errp) : NULL;
    if (!module) {
        return false;
    }
    if (module->abi != QOM_MODULE_ABI) {
        return qom_error_set(errp, "Module '%s' is made for interface %u, expected: %u", path,
                             module->abi, QOM_MODULE_ABI);
    }
    if (g_ptr_array_find(daemon->modules, module, NULL)) {
        return qom_error_set(errp, "Module '%s' is loaded already", module->name);
    }
    g_ptr_array_add(daemon->modules, (void *)module);
    if (!module->init(errp)) {
        qom_error_prefix(errp, "Module '%s': ", module->name);
        return false;
    }
    return true;
}
