/* SPDX-License-Identifier: BSD-3-Clause */
/* Secrets: what is accepted, what is refused and how, and where their bytes are. */
#include "fixture.h"

#include "backend/secret/secret.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static void assert_secret(const char *id, const void *bytes, size_t len)
{
    size_t have;
    const uint8_t *data = secret_lookup(id, &have, NULL);
    assert_non_null(data);
    assert_int_equal(have, len);
    assert_memory_equal(data, bytes, len);
    assert_int_equal(data[len], 0);
}

/* --- keys ------------------------------------------------------------------------------------ */

#define IV      "AAECAwQFBgcICQoLDA0ODw=="
#define MASTER  "0123456789abcdef0123456789abcdef"
#define SUBKEY  "pmHwvSG3k3iQIBfCx/epfHMufMCPHBhILBV7N0nhq5g2NXHZtlUPK5DtE7Y+bLly"
#define MESSAGE "UNMBWIRH2jFuhOICNFocOw=="

static void a_chain_of_keys_decrypts(void **state)
{
    g_autofree char *file = scratch_file("master", MASTER, 32);
    assert_int_equal(chmod(file, 0600), 0);
    add("{'qom-type':'secret','id':'master','file':'%s'}", file);
    add("{'qom-type':'secret','id':'sub','keyid':'master','iv':'" IV
        "','format':'base64','data':'" SUBKEY "'}");
    add("{'qom-type':'secret','id':'end','keyid':'sub','iv':'" IV
        "','format':'base64','data':'" MESSAGE "'}");
    assert_secret("end", "tell no one", 11);

    /* Nobody needs the keys any more. */
    del("master");
    del("sub");
    assert_secret("end", "tell no one", 11);
    assert_property("end", "keyid", "\"sub\"");
    assert_property("end", "iv", "\"" IV "\"");
    assert_property("end", "format", "\"base64\"");
}

static void raw_cipher_text_from_a_file_decrypts(void **state)
{
    gsize len;
    g_autofree guchar *wrapped = g_base64_decode(SUBKEY, &len);
    g_autofree char *file = scratch_file("wrapped", wrapped, len);
    assert_int_equal(chmod(file, 0600), 0);
    add("{'qom-type':'secret','id':'master','data':'" MASTER "'}");
    add("{'qom-type':'secret','id':'sub','keyid':'master','iv':'" IV "','file':'%s'}", file);
    assert_int_equal(secret_locked_bytes(), 2 * sysconf(_SC_PAGESIZE));
}

static void a_deleted_key_serves_nobody(void **state)
{
    add("{'qom-type':'secret','id':'master','data':'" MASTER "'}");
    del("master");
    add_fails("No secret with id 'master'",
              "{'qom-type':'secret','id':'sub','keyid':'master','iv':'" IV
              "','format':'base64','data':'" SUBKEY "'}");
}

/* --- what completion refuses ----------------------------------------------------------------- */

static void each_fault_has_its_text(void **state)
{
    add("{'qom-type':'secret','id':'k32','data':'" MASTER "'}");
    add("{'qom-type':'secret','id':'k31','data':'0123456789abcdef0123456789abcde'}");
    add("{'qom-type':'rng-builtin','id':'rng'}");
    size_t locked = secret_locked_bytes();
    static const struct {
        const char *text, *members;
    } rows[] = {
        {"Either 'file' or 'data' must be provided", "'format':'raw'"},
        {"'file' and 'data' are mutually exclusive", "'data':'x','file':'/dev/null'"},
        {"Unable to read /nonexistent: No such file or directory", "'file':'/nonexistent'"},
        {"Unable to read : No such file or directory", "'file':''"},
        {"Unable to read /: Is a directory", "'file':'/'"},
        {"Unable to read /dev/zero: larger than 1048576 bytes", "'file':'/dev/zero'"},
        {"No secret with id 'nope'", "'data':'x','keyid':'nope'"},
        {"No secret with id ''", "'data':'x','keyid':''"},
        {"Object with id 'rng' is not a secret", "'data':'x','keyid':'rng'"},
        {"Key should be 32 bytes in length", "'data':'x','keyid':'k31'"},
        {"IV is required to decrypt secret", "'data':'x','keyid':'k32'"},
        {"Base64 data contains invalid characters", "'data':'x','keyid':'k32','iv':'*'"},
        {"IV should be 16 bytes in length not 3", "'data':'x','keyid':'k32','iv':'YWJj'"},
        {"IV should be 16 bytes in length not 0", "'data':'x','keyid':'k32','iv':''"},
        {"Length 1 must be a multiple of block size 16", "'data':'x','keyid':'k32','iv':'" IV "'"},
        {"Length 0 must be a multiple of block size 16, and not 0",
         "'data':'','keyid':'k32','iv':'" IV "'"},
        {"Base64 data contains invalid characters",
         "'data':'*','format':'base64','keyid':'k32','iv':'" IV "'"},
        {"Incorrect padding found on decrypted data",
         "'data':'0123456789abcdef','keyid':'k32','iv':'" IV "'"},
        {"Parameter 'format' does not accept value 'hex'", "'data':'x','format':'hex'"},
        {"Property 'secret.loaded' is not writable", "'data':'x','loaded':true"},
        {"Property 'secret.loaded' is not writable", "'data':'x','loaded':false"},
        {"Parameter 'serial' is unexpected", "'data':'x','serial':1"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        add_fails(rows[i].text, "{'qom-type':'secret','id':'s',%s}", rows[i].members);
    }
    assert_int_equal(secret_locked_bytes(), locked);
    add("{'qom-type':'secret','id':'s','data':'x'}");
}

static void of_several_faults_the_first_in_order_is_told(void **state)
{
    add("{'qom-type':'secret','id':'k32','data':'" MASTER "'}");
    add_fails("Either 'file' or 'data' must be provided",
              "{'qom-type':'secret','id':'s','keyid':'nope'}");
    add_fails("Unable to read /nonexistent: No such file or directory",
              "{'qom-type':'secret','id':'s','file':'/nonexistent','keyid':'nope'}");
    add_fails("IV is required to decrypt secret",
              "{'qom-type':'secret','id':'s','data':'*','format':'base64','keyid':'k32'}");
}

static void an_iv_without_key_is_ignored(void **state)
{
    add("{'qom-type':'secret','id':'s','data':'x','iv':'rubbish'}");
    assert_secret("s", "x", 1);
}

static void an_empty_secret_is_a_secret(void **state)
{
    add("{'qom-type':'secret','id':'s','data':''}");
    assert_secret("s", "", 0);
    add("{'qom-type':'secret','id':'t','file':'/dev/null'}");
    assert_secret("t", "", 0);
}

static void nothing_can_be_set_or_read_back_later(void **state)
{
    add("{'qom-type':'secret','id':'s','data':'x'}");
    assert_property("s", "data", "\"\"");
    assert_property("s", "loaded", "true");
    assert_property("s", "file", "\"\"");
    set_fails("s", "data", "'y'", "Property 'data' can no longer be set");
    set_fails("s", "file", "'/dev/null'", "Property 'file' can no longer be set");
    set_fails("s", "format", "'base64'", "Property 'format' can no longer be set");
    set_fails("s", "keyid", "'s'", "Property 'keyid' can no longer be set");
    assert_secret("s", "x", 1);
}

static void lookup_tells_what_is_wrong(void **state)
{
    size_t len;
    QOM_AUTO_ERROR(none);
    QOM_AUTO_ERROR(other);
    add("{'qom-type':'rng-builtin','id':'rng'}");
    assert_null(secret_lookup("nope", &len, &none));
    assert_string_equal(qom_error_message(none), "No secret with id 'nope'");
    assert_null(secret_lookup("rng", &len, &other));
    assert_string_equal(qom_error_message(other), "Object with id 'rng' is not a secret");
}

/* --- files ----------------------------------------------------------------------------------- */

static void a_file_may_hold_any_bytes(void **state)
{
    uint8_t bytes[256];
    for (unsigned i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(255 - i);
    }
    g_autofree char *file = scratch_file("s", bytes, sizeof(bytes));
    assert_int_equal(chmod(file, 0600), 0);
    add("{'qom-type':'secret','id':'s','file':'%s'}", file);
    assert_secret("s", bytes, sizeof(bytes));
}

static void a_file_that_everybody_may_write_is_refused(void **state)
{
    g_autofree char *file = scratch_file("s", "x", 1);
    static const unsigned bad[] = {0602, 0666, 0777, 0002};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        assert_int_equal(chmod(file, bad[i]), 0);
        g_autofree char *text = g_strdup_printf(
            "Unable to read %s: everybody may write to it (mode %04o)", file, bad[i]);
        if (bad[i] & 0400 || getuid() == 0) {
            add_fails(text, "{'qom-type':'secret','id':'s','file':'%s'}", file);
        }
    }
    static const unsigned good[] = {0400, 0600, 0640, 0660, 0644};
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        assert_int_equal(chmod(file, good[i]), 0);
        add("{'qom-type':'secret','id':'s','file':'%s'}", file);
        del("s");
    }
}

static void a_file_has_at_most_1_mib(void **state)
{
    size_t most = 1024 * 1024;
    g_autofree uint8_t *bytes = g_malloc(most + 1);
    memset(bytes, 'x', most + 1);
    g_autofree char *file = scratch_file("s", bytes, most);
    assert_int_equal(chmod(file, 0600), 0);
    add("{'qom-type':'secret','id':'s','file':'%s'}", file);
    assert_secret("s", bytes, most);
    del("s");

    g_autofree char *larger = scratch_file("t", bytes, most + 1);
    assert_int_equal(chmod(larger, 0600), 0);
    add_fails_with(": larger than 1048576 bytes", "{'qom-type':'secret','id':'s','file':'%s'}",
                   larger);
    assert_int_equal(secret_locked_bytes(), 0);
}

static void a_file_of_any_length_is_read_whole(void **state)
{
    static const size_t lengths[] = {1, 3999, 4000, 4001, 4096, 8192, 19999, 20000, 20001, 65536};
    g_autofree uint8_t *bytes = g_malloc(65536);
    for (size_t i = 0; i < 65536; i++) {
        bytes[i] = (uint8_t)(i * 7);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(lengths); i++) {
        g_autofree char *file = scratch_file("s", bytes, lengths[i]);
        assert_int_equal(chmod(file, 0600), 0);
        add("{'qom-type':'secret','id':'s','file':'%s'}", file);
        assert_secret("s", bytes, lengths[i]);
        del("s");
    }
}

static void *write_slowly(void *opaque)
{
    int fd = open(opaque, O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        g_usleep(20000);
        (void)!write(fd, "slow", 4);
        g_usleep(20000);
        (void)!write(fd, "ly", 2);
        close(fd);
    }
    return NULL;
}

static void a_fifo_is_read_until_its_writer_leaves(void **state)
{
    g_autofree char *fifo = scratch("fifo");
    pthread_t writer;
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(pthread_create(&writer, NULL, write_slowly, fifo), 0);
    add("{'qom-type':'secret','id':'s','file':'%s'}", fifo);
    pthread_join(writer, NULL);
    assert_secret("s", "slowly", 6);
}

/* --- memory ---------------------------------------------------------------------------------- */

static uint64_t status_kib(const char *key)
{
    g_autofree char *status = NULL;
    assert_true(g_file_get_contents("/proc/self/status", &status, NULL, NULL));
    const char *at = strstr(status, key);
    assert_non_null(at);
    return g_ascii_strtoull(at + strlen(key), NULL, 10);
}

static void the_bytes_are_locked_and_in_no_core_file(void **state)
{
    uint64_t before = status_kib("VmLck:");
    add("{'qom-type':'secret','id':'s','data':'x'}");
    size_t len;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t at = (uintptr_t)secret_lookup("s", &len, NULL);
    Mapping mapping = mapping_at((void *)(at & ~(page - 1)));
    assert_true(mapping_has(&mapping, "dd"));
    assert_true(mapping_has(&mapping, "lo"));
    /* Not in children: of no use there (anonymous), or not there at all (memfd_secret). */
    assert_true(mapping_has(&mapping, "wf") || mapping_has(&mapping, "dc"));
    assert_int_equal(status_kib("VmLck:"), before + mapping.size_bytes / 1024);
    Mapping guard = mapping_at((void *)((at & ~(page - 1)) + mapping.size_bytes));
    assert_string_equal(guard.perms, "---p");
    assert_int_equal(prctl(PR_GET_DUMPABLE), 0);
    struct rlimit core;
    assert_int_equal(getrlimit(RLIMIT_CORE, &core), 0);
    assert_int_equal(core.rlim_cur, 0);
    del("s");
    assert_int_equal(status_kib("VmLck:"), before);
    assert_int_equal(secret_locked_bytes(), 0);
}

/* What is looked for, each byte + 1, so that looking for it does not put it into memory. */
static const char needle[] = "Uifsf!jt!op!tqppo!)BCD*";
enum { COPIES = 60 }; /* in a value: what frees memory writes into its beginning */

static unsigned count_needles(const uint8_t *data, size_t len)
{
    unsigned found = 0;
    for (size_t i = 0; i + sizeof(needle) - 1 <= len; i++) {
        size_t n = 0;
        while (n < sizeof(needle) - 1 && (char)(data[i + n] + 1) == needle[n]) {
            n++;
        }
        found += n == sizeof(needle) - 1;
    }
    return found;
}

static unsigned scan(void)
{
    static uint8_t buf[1 << 20];
    unsigned found = 0;
    g_autofree char *maps = NULL;
    assert_true(g_file_get_contents("/proc/self/maps", &maps, NULL, NULL));
    int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    assert_true(mem >= 0);
    for (const char *line = maps; *line; line = strchr(line, '\n') + 1) {
        uint64_t start, end;
        char perms[5];
        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s", &start, &end, perms) != 3 ||
            perms[1] != 'w') {
            continue;
        }
        size_t step = sizeof(buf) - sizeof(needle);
        for (uint64_t at = start; at < end; at += step) {
            ssize_t got = pread(mem, buf, MIN(sizeof(buf), end - at), (off_t)at);
            found += got > 0 && at != (uintptr_t)buf ? count_needles(buf, (size_t)got) : 0;
        }
        explicit_bzero(buf, sizeof(buf));
    }
    close(mem);
    return found;
}

/* object-add with the value, which is then only where the object put it. */
static bool add_needle(const char *id, const char *more)
{
    g_autofree char *json = g_malloc0(4096);
    strcpy(json, "{'qom-type':'secret','id':'");
    strcat(strcat(strcat(strcat(json, id), "'"), more), ",'data':'");
    size_t len = strlen(json);
    for (size_t i = 0; i < COPIES * (sizeof(needle) - 1); i++) {
        json[len++] = (char)(needle[i % (sizeof(needle) - 1)] - 1);
    }
    strcpy(json + len, "'}");
    bool ok = qom_object_add_json(json, NULL, NULL);
    explicit_bzero(json, 4096);
    return ok;
}

/* Whether a scan sees the bytes of the secret; those of memfd_secret(2) it does not. */
static bool is_visible(const char *id)
{
    size_t len;
    char c;
    off_t at = (off_t)(uintptr_t)secret_lookup(id, &len, NULL);
    int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    bool visible = pread(mem, &c, 1, at) == 1;
    close(mem);
    return visible;
}

static void the_value_is_nowhere_but_in_locked_memory(void **state)
{
    if (watched()) {
        skip();
    }
    static char canary[sizeof(needle)];
    for (size_t i = 0; i < sizeof(needle) - 1; i++) {
        canary[i] = (char)(needle[i] - 1);
    }
    assert_int_equal(scan(), 1); /* the test can see it */
    explicit_bzero(canary, sizeof(canary));
    assert_int_equal(scan(), 0);

    assert_true(add_needle("s", ""));
    assert_int_equal(scan(), is_visible("s") ? COPIES : 0);
    del("s");
    assert_int_equal(scan(), 0);
}

static void a_refused_value_is_nowhere(void **state)
{
    if (watched()) {
        skip();
    }
    assert_true(add_needle("s", ""));
    assert_false(add_needle("s", ""));
    assert_false(add_needle("t", ",'format':'base64'"));
    assert_false(add_needle("t", ",'keyid':'nope'"));
    assert_false(add_needle("t", ",'serial':1"));
    assert_false(add_needle("t", ",'format':'hex'"));
    assert_false(add_needle("t", ",'file':'/dev/null'"));
    assert_false(add_needle("0", ""));
    del("s");
    assert_int_equal(scan(), 0);
}

static void without_lockable_memory(void *opaque)
{
    struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_MEMLOCK, &none) < 0 || (getuid() == 0 && setresuid(65534, 65534, 65534))) {
        _exit(2);
    }
    QOM_AUTO_ERROR(err);
    bool made = qom_object_add_json("{'qom-type':'secret','id':'s','data':'four'}", NULL, &err);
    _exit(made ||
          !g_str_has_prefix(qom_error_message(err),
                            "Could not lock memory for a secret of 5 bytes (see "
                            "RLIMIT_MEMLOCK): ") ||
          secret_locked_bytes());
}

static void a_limit_on_locked_memory_is_an_error(void **state)
{
    if (watched()) {
        skip(); /* sanitizers say that all memory is locked */
    }
    assert_int_equal(in_child(without_lockable_memory, NULL), 0);
}

static void a_thousand_secrets_leave_nothing(void **state)
{
    add("{'qom-type':'secret','id':'s','data':'x'}");
    del("s");
    Holdings before = holdings();
    for (unsigned i = 0; i < 1000; i++) {
        add("{'qom-type':'secret','id':'s','data':'x'}");
        del("s");
        add_fails("No secret with id 'nope'",
                  "{'qom-type':'secret','id':'s','data':'x','keyid':'nope'}");
    }
    assert_holdings(before);
    assert_int_equal(secret_locked_bytes(), 0);
}

static int teardown(void **state)
{
    prctl(PR_SET_DUMPABLE, 1); /* the leak checker looks at its parent */
    return backend_teardown(state);
}

#define TEST(name) cmocka_unit_test_teardown(name, backend_clear)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_chain_of_keys_decrypts),
        TEST(raw_cipher_text_from_a_file_decrypts),
        TEST(a_deleted_key_serves_nobody),
        TEST(each_fault_has_its_text),
        TEST(of_several_faults_the_first_in_order_is_told),
        TEST(an_iv_without_key_is_ignored),
        TEST(an_empty_secret_is_a_secret),
        TEST(nothing_can_be_set_or_read_back_later),
        TEST(lookup_tells_what_is_wrong),
        TEST(a_file_may_hold_any_bytes),
        TEST(a_file_that_everybody_may_write_is_refused),
        TEST(a_file_has_at_most_1_mib),
        TEST(a_file_of_any_length_is_read_whole),
        TEST(a_fifo_is_read_until_its_writer_leaves),
        TEST(the_bytes_are_locked_and_in_no_core_file),
        TEST(the_value_is_nowhere_but_in_locked_memory),
        TEST(a_refused_value_is_nowhere),
        TEST(a_limit_on_locked_memory_is_an_error),
        TEST(a_thousand_secrets_leave_nothing),
    };
    return cmocka_run_group_tests_name("secret", tests, backend_setup, teardown);
}
