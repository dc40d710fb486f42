/* SPDX-License-Identifier: BSD-3-Clause */
/* What a client asks a machine first, answered as by a QEMU that has none (-machine none). */
#include "daemon/daemon.h"

#include "qapi-commands.h"
#include "qom/object.h"

#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

bool qmp_query_name(NameInfo *ret, QomError **errp)
{
    ret->name = g_strdup(daemon_current()->name);
    return true;
}

bool qmp_query_uuid(UuidInfo *ret, QomError **errp)
{
    const char *uuid = daemon_current()->uuid;
    ret->UUID = g_strdup(uuid ? uuid : "00000000-0000-0000-0000-000000000000");
    return true;
}

bool qmp_query_target(TargetInfo *ret, QomError **errp)
{
    struct utsname host;
    /* syscalls: uname -- query-target */
    uname(&host);
    const char *name = strcmp(host.machine, "i686") == 0      ? "i386"
                       : strcmp(host.machine, "ppc64le") == 0 ? "ppc64"
                                                              : host.machine;
    int arch = qapi_enum_lookup(&qapi_type_SysEmuTarget, name, strlen(name));
    if (arch < 0) {
        return qom_error_set(errp, "The schema has no name for the architecture '%s'", name);
    }
    ret->arch = (SysEmuTarget)arch;
    return true;
}

bool qmp_query_kvm(KvmInfo *ret, QomError **errp)
{
    /* syscalls: access faccessat faccessat2 -- query-kvm */
    ret->present = access("/dev/kvm", R_OK | W_OK) == 0;
    return true;
}

bool qmp_query_machines(MachineInfoList *ret, QomError **errp)
{
    ret->n = 1;
    ret->items = g_new0(MachineInfo, 1);
    ret->items[0] = (MachineInfo){.name = g_strdup("none"), .cpu_max = 1};
    return true;
}

bool qmp_query_cpus_fast(CpuInfoFastList *ret, QomError **errp)
{
    return true;
}

bool qmp_query_cpu_definitions(CpuDefinitionInfoList *ret, QomError **errp)
{
    return true;
}

bool qmp_query_hotpluggable_cpus(HotpluggableCPUList *ret, QomError **errp)
{
    return qom_error_set(errp, "The feature 'query-hotpluggable-cpus' is not enabled");
}

bool qmp_query_tpm_models(TpmModelList *ret, QomError **errp)
{
    return true;
}

bool qmp_query_tpm_types(TpmTypeList *ret, QomError **errp)
{
    return true;
}

bool qmp_device_list_properties(const char *type_name, ObjectPropertyInfoList *ret, QomError **errp)
{
    if (!qom_type_find(type_name)) {
        return qom_error_set_class(errp, QOM_ERROR_DEVICE_NOT_FOUND, "Device '%s' not found",
                                   type_name);
    }
    return qom_error_set(errp, "Parameter 'typename' expects a non-abstract device type");
}

bool qmp_migrate_pause(QomError **errp)
{
    return qom_error_set(errp,
                         "migrate-pause is currently only supported during postcopy-active state");
}

bool qmp_migrate_recover(const char *uri, QomError **errp)
{
    return qom_error_set(errp, "Migrate recover can only be run when postcopy is paused.");
}

bool qmp_query_migrate_capabilities(MigrationCapabilityStatusList *ret, QomError **errp)
{
    return true;
}

bool qmp_migrate_set_capabilities(const MigrationCapabilityStatusList *capabilities,
                                  QomError **errp)
{
    for (size_t i = 0; i < capabilities->n; i++) {
        if (capabilities->items[i].state) {
            return qom_error_set(errp, "Migration capability '%s' is not there: no machine",
                                 MigrationCapability_name(capabilities->items[i].capability));
        }
    }
    return true;
}
