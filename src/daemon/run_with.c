/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * -run-with: rights that are given up once everything on the command line exists, and before a
 * client is served.
 *
 *     prepare   no thread yet: no new privileges, an empty bounding set; threads inherit both
 *     ...       files, sockets and objects are made with the rights of who started us
 *     apply     modules are loaded, chroot, groups, user, a proof that there is no way back
 *
 * Changing user takes all capabilities, unless who started us has told the kernel otherwise; that
 * is refused. The C library changes the ids of all threads.
 *
 * Freeing a big memory backend takes its time, during which the process can not end. With
 * async-teardown a second process shares our memory and only waits for our end, so that it is the
 * one that takes that time. It is made with the new user, and can do nothing but read and exit
 * (seccomp's strict mode): whoever can write our memory has gained nothing by it.
 */
#include "daemon/option.h"

#include "base/log.h"
#include "base/module.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of the process that waits. */
#define STACK_BYTES 16384

/* --- The option ------------------------------------------------------------------------------ */

/* A number that fills all of @text and is no id that stands for "leave it". */
static bool parse_id(const char *text, uint32_t *id)
{
    guint64 value;
    if (!g_ascii_string_to_unsigned(text, 10, 0, UINT32_MAX - 1, &value, NULL)) {
        return false;
    }
    *id = (uint32_t)value;
    return true;
}

/* All groups of the user @entry. */
static void take_groups(RunWith *with, const struct passwd *entry)
{
    int n = 64;
    with->groups = g_new(gid_t, n);
    while (getgrouplist(entry->pw_name, entry->pw_gid, with->groups, &n) < 0) {
        with->groups = g_renew(gid_t, with->groups, n);
    }
    with->n_groups = (size_t)n;
}

static void take_group(RunWith *with)
{
    with->groups = g_new(gid_t, 1);
    with->groups[0] = with->gid;
    with->n_groups = 1;
}

/* @text: NAME, NAME:GROUP or UID:GID. */
static bool parse_user(RunWith *with, const char *text, QomError **errp)
{
    g_auto(GStrv) parts = g_strsplit(text, ":", 2);
    const char *name = parts[0] ? parts[0] : "", *group = parts[0] ? parts[1] : NULL;
    const struct passwd *user = NULL;
    const struct group *entry = NULL;
    bool numbers = group && parse_id(name, &with->uid) && parse_id(group, &with->gid);
    if (!numbers && !(user = getpwnam(name))) {
        return qom_error_set(errp, "User \"%s\" doesn't exist (and is not <uid>:<gid>)", text);
    }
    if (user) {
        with->uid = user->pw_uid;
        with->gid = user->pw_gid;
    }
    if (user && group && !(entry = getgrnam(group))) {
        return qom_error_set(errp, "Group \"%s\" doesn't exist", group);
    }
    if (entry) {
        with->gid = entry->gr_gid;
    }
    if (with->uid == 0) {
        return qom_error_set(errp, "User \"%s\" has all rights, expected: one with fewer", text);
    }
    g_clear_pointer(&with->groups, g_free);
    if (user && !group) {
        take_groups(with, user);
    } else {
        take_group(with);
    }
    g_free(with->user);
    with->user = g_strdup(text);
    return true;
}

static bool take_chroot(RunWith *with, const char *dir, QomError **errp)
{
    if (!g_file_test(dir, G_FILE_TEST_IS_DIR)) {
        return qom_error_set(errp, "'%s' is not a folder", dir);
    }
    g_free(with->chroot);
    with->chroot = g_canonicalize_filename(dir, NULL);
    return true;
}

bool option_parse_run_with(Daemon *daemon, OptionUse *use, QomError **errp)
{
    RunWithOptions options;
    if (!option_decode(use, NULL, &options, errp)) {
        return false;
    }
    RunWith *with = &daemon->run_with;
    if (options.has_async_teardown) {
        with->async_teardown = options.async_teardown;
    }
    bool ok = (!options.user || parse_user(with, options.user, errp)) &&
              (!options.chroot || take_chroot(with, options.chroot, errp));
    qapi_clear(&qapi_type_RunWithOptions, &options);
    return ok;
}

bool option_parse_runas(Daemon *daemon, OptionUse *use, QomError **errp)
{
    log_warn("option -runas is deprecated, use '-run-with user=...' instead");
    return parse_user(&daemon->run_with, use->text, errp);
}

bool option_parse_chroot(Daemon *daemon, OptionUse *use, QomError **errp)
{
    log_warn("option -chroot is deprecated, use '-run-with chroot=...' instead");
    return take_chroot(&daemon->run_with, use->text, errp);
}

void run_with_clear(RunWith *with)
{
    g_free(with->user);
    g_free(with->chroot);
    g_free(with->groups);
}

/* --- Giving up rights ------------------------------------------------------------------------ */

bool run_with_prepare(const RunWith *with, QomError **errp)
{
    if (!with->user && !with->chroot) {
        return true;
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        return qom_error_set_errno(errp, errno, "cannot give up new privileges");
    }
    /* Ends at the first number that is no capability, or at once without the right to do it; then
     * there is nothing to lose either. */
    for (unsigned long cap = 0; with->user && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0; cap++) {
    }
    return true;
}

static bool enter_chroot(const char *dir, QomError **errp)
{
    module_load_all();
    if (chroot(dir) < 0 || chdir("/") < 0) {
        return qom_error_set_errno(errp, errno, "cannot enter '%s' as the root folder", dir);
    }
    return true;
}

/* Whether we are that user already, and could not become another. */
static bool is_user(const RunWith *with)
{
    uid_t real, effective, saved;
    gid_t real_gid, effective_gid, saved_gid;
    return getresuid(&real, &effective, &saved) == 0 && real == with->uid &&
           effective == with->uid && saved == with->uid &&
           getresgid(&real_gid, &effective_gid, &saved_gid) == 0 && real_gid == with->gid &&
           effective_gid == with->gid && saved_gid == with->gid;
}

/* Of this thread; the others have no more. */
static bool has_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
    return syscall(SYS_capget, &header, data) < 0 || data[0].permitted || data[1].permitted;
}

static bool change_user(const RunWith *with, QomError **errp)
{
    if (setgroups(with->n_groups, with->groups) < 0 ||
        setresgid(with->gid, with->gid, with->gid) < 0 ||
        setresuid(with->uid, with->uid, with->uid) < 0) {
        return qom_error_set_errno(errp, errno, "cannot become user '%s'", with->user);
    }
    if (!is_user(with) || setuid(0) == 0 || setgid(0) == 0) {
        return qom_error_set(errp, "the rights given up for user '%s' can be had back", with->user);
    }
    return true;
}

static bool become_user(const RunWith *with, QomError **errp)
{
    if (!is_user(with) && !change_user(with, errp)) {
        return false;
    }
    if (has_capabilities()) {
        return qom_error_set(errp, "user '%s' still has capabilities, expected: none", with->user);
    }
    return true;
}

/* --- async-teardown -------------------------------------------------------------------------- */

/* The thread sanitizer takes clone() for fork(): in both processes, which share their memory, it
 * would undo what it did before. This is the C library's other name for it. */
#ifdef __SANITIZE_THREAD__
int __clone(int (*run)(void *), void *stack, int flags, void *opaque, ...);
#define clone __clone
#endif

/* In the process that waits. Its errno is the main thread's, so nothing here may fail where the
 * kernel is as new as close_range(2). Calls are made past the sanitizers, which take it for the
 * main thread. */
__attribute__((no_sanitize("address", "undefined", "thread"))) static int wait_for_end(void *opaque)
{
    int fd = *(const int *)opaque;
    char byte;
    syscall(SYS_prctl, PR_SET_NAME, "cleanup", 0, 0, 0);
    syscall(SYS_close_range, fd + 1, ~0u, 0);
    if (fd > 0) {
        syscall(SYS_close_range, 0, fd - 1, 0);
    }
    syscall(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0);
    /* Nobody writes; the end of the file is the end of the process that has the other end. */
    syscall(SYS_read, fd, &byte, 1);
    syscall(SYS_exit, 0);
    return 0;
}

static bool start_teardown(RunWith *with, QomError **errp)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0) {
        return qom_error_set_errno(errp, errno, "cannot set up async-teardown: pipe");
    }
    char *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    with->teardown_fd = fds[0];
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int pid = stack == MAP_FAILED
                  ? -1
                  : clone(wait_for_end, stack + STACK_BYTES, CLONE_VM, &with->teardown_fd);
    int error = errno;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    close(fds[0]);
    if (pid < 0) {
        close(fds[1]);
        return qom_error_set_errno(errp, error, "cannot set up async-teardown");
    }
    return true;
}

bool run_with_apply(RunWith *with, QomError **errp)
{
    return (!with->chroot || enter_chroot(with->chroot, errp)) &&
           (!with->user || become_user(with, errp)) &&
           (!with->async_teardown || start_teardown(with, errp));
}
