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

/* --- base64 ---------------------------------------------------------------------------------- */

static void base64_is_strict(void **state)
{
    static const struct {
        const char *text, *bytes; /* bytes NULL: refused */
    } rows[] = {
        {"", ""},
        {"\n", ""},
        {"YQ==", "a"},
        {"YWI=", "ab"},
        {"YWJj", "abc"},
        {"YWJjZA==", "abcd"},
        {"YWJj\nZA==\n", "abcd"},
        {"YWJj\r\nZA==\r\n", "abcd"},
        {"Y\nW\nJ\nj\n", "abc"},
        {"\n\n\n\n\nYWJj", "abc"},
        {"+/+/", "\xfb\xff\xbf"},
        {"YWJjZA", NULL},
        {"YWJjZ", NULL},
        {"YWJjZA=", NULL},
        {"Y", NULL},
        {"YQ", NULL},
        {"YQ=", NULL},
        {"YQ===", NULL},
        {"YQ==\n=", NULL},
        {"Y===", NULL},
        {"====", NULL},
        {"=", NULL},
        {"YQ==YQ==", NULL},
        {"YQ==\nYQ==", NULL},
        {"YQ=Y", NULL},
        {"Y=Q=", NULL},
        {"YW Jj", NULL},
        {" YWJj", NULL},
        {"YWJj ", NULL},
        {"YWJj\t", NULL},
        {"YW-_", NULL},
        {"YWJ\x80", NULL},
        {"YWJ*", NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        SecretBytes out = {0};
        QOM_AUTO_ERROR(err);
        bool ok = secret_base64_decode(rows[i].text, strlen(rows[i].text), &out, &err);
        if (ok != (rows[i].bytes != NULL)) {
            fail_msg("'%s' is %s", rows[i].text, ok ? "accepted" : "refused");
        }
        if (ok) {
            assert_string_equal(out.data, rows[i].bytes);
            assert_int_equal(out.len, strlen(rows[i].bytes));
        } else {
            assert_true(g_str_has_prefix(qom_error_message(err), "Base64 data "));
            assert_null(out.data);
        }
        secret_bytes_clear(&out);
    }
    assert_int_equal(secret_locked_bytes(), 0);
}

static void an_incomplete_group_is_called_so(void **state)
{
    static const char *const texts[] = {"Y", "YQ", "YWJ", "YWJjZA", "YWJjZGVmZ2"};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        add_fails_with("Base64 data is incomplete: its last group has",
                       "{'qom-type':'secret','id':'s','format':'base64','data':'%s'}", texts[i]);
    }
    add_fails("Base64 data contains invalid characters",
              "{'qom-type':'secret','id':'s','format':'base64','data':'YW!j'}");
}

static void a_nul_in_base64_is_refused(void **state)
{
    SecretBytes out = {0};
    QOM_AUTO_ERROR(err);
    assert_false(secret_base64_decode("YWJj\0YWJ", 8, &out, &err));
    assert_string_equal(qom_error_message(err), "Base64 data contains invalid characters");
}

static void all_bytes_survive_base64(void **state)
{
    uint8_t bytes[256];
    for (unsigned i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)i;
    }
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        g_autofree char *text = g_base64_encode(bytes, len);
        SecretBytes out = {0};
        assert_true(secret_base64_decode(text, strlen(text), &out, NULL));
        assert_int_equal(out.len, len);
        assert_memory_equal(out.data, bytes, len);
        secret_bytes_clear(&out);
    }
}

/* --- decryption ------------------------------------------------------------------------------ */

/* NIST SP 800-38A, F.2.6: CBC-AES256, all four blocks. The plain text has no padding, so a fifth
 * block was made with OpenSSL: 16 bytes 0x10 under the same key and chain. */
static const uint8_t nist_key[32] = {
    0x60, 0x3d, 0xeb, 0x10, 0x15, 0xca, 0x71, 0xbe, 0x2b, 0x73, 0xae, 0xf0, 0x85, 0x7d, 0x77, 0x81,
    0x1f, 0x35, 0x2c, 0x07, 0x3b, 0x61, 0x08, 0xd7, 0x2d, 0x98, 0x10, 0xa3, 0x09, 0x14, 0xdf, 0xf4};
static const uint8_t nist_iv[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
static const uint8_t nist_plain[64] = {
    0x6b, 0xc1, 0xbe, 0xe2, 0x2e, 0x40, 0x9f, 0x96, 0xe9, 0x3d, 0x7e, 0x11, 0x73, 0x93, 0x17, 0x2a,
    0xae, 0x2d, 0x8a, 0x57, 0x1e, 0x03, 0xac, 0x9c, 0x9e, 0xb7, 0x6f, 0xac, 0x45, 0xaf, 0x8e, 0x51,
    0x30, 0xc8, 0x1c, 0x46, 0xa3, 0x5c, 0xe4, 0x11, 0xe5, 0xfb, 0xc1, 0x19, 0x1a, 0x0a, 0x52, 0xef,
    0xf6, 0x9f, 0x24, 0x45, 0xdf, 0x4f, 0x9b, 0x17, 0xad, 0x2b, 0x41, 0x7b, 0xe6, 0x6c, 0x37, 0x10};
static const uint8_t nist_cipher[80] = {
    0xf5, 0x8c, 0x4c, 0x04, 0xd6, 0xe5, 0xf1, 0xba, 0x77, 0x9e, 0xab, 0xfb, 0x5f, 0x7b, 0xfb, 0xd6,
    0x9c, 0xfc, 0x4e, 0x96, 0x7e, 0xdb, 0x80, 0x8d, 0x67, 0x9f, 0x77, 0x7b, 0xc6, 0x70, 0x2c, 0x7d,
    0x39, 0xf2, 0x33, 0x69, 0xa9, 0xd9, 0xba, 0xcf, 0xa5, 0x30, 0xe2, 0x63, 0x04, 0x23, 0x14, 0x61,
    0xb2, 0xeb, 0x05, 0xe2, 0xc3, 0x9b, 0xe9, 0xfc, 0xda, 0x6c, 0x19, 0x07, 0x8c, 0x6a, 0x9d, 0x1b,
    0x3f, 0x46, 0x17, 0x96, 0xd6, 0xb0, 0xd6, 0xb2, 0xe0, 0xc2, 0xa7, 0x2b, 0x4d, 0x80, 0xe6, 0x44};

static void a_known_cipher_text_is_decrypted(void **state)
{
    SecretBytes in = {.data = (uint8_t *)nist_cipher, .len = sizeof(nist_cipher)}, out = {0};
    QOM_AUTO_ERROR(err);
    if (!secret_decrypt(nist_key, nist_iv, &in, &out, &err)) {
        fail_msg("%s", qom_error_message(err));
    }
    assert_int_equal(out.len, sizeof(nist_plain));
    assert_memory_equal(out.data, nist_plain, sizeof(nist_plain));
    secret_bytes_clear(&out);
}

/* Decrypts one block to @plain, which the choice of the IV makes possible. */
static bool decrypt_to(const uint8_t plain[16], SecretBytes *out, QomError **errp)
{
    uint8_t iv[16];
    for (unsigned i = 0; i < 16; i++) {
        iv[i] = nist_plain[i] ^ nist_iv[i] ^ plain[i];
    }
    SecretBytes in = {.data = (uint8_t *)nist_cipher, .len = 16};
    return secret_decrypt(nist_key, iv, &in, out, errp);
}

static void every_right_padding_is_taken_off(void **state)
{
    for (unsigned count = 1; count <= 16; count++) {
        uint8_t plain[16] = "0123456789abcde";
        SecretBytes out = {0};
        memset(plain + 16 - count, (int)count, count);
        assert_true(decrypt_to(plain, &out, NULL));
        assert_int_equal(out.len, 16 - count);
        assert_memory_equal(out.data, plain, out.len);
        assert_int_equal(out.data[out.len], 0);
        secret_bytes_clear(&out);
    }
}

static void every_wrong_padding_has_one_text(void **state)
{
    for (unsigned last = 0; last < 256; last++) {
        for (unsigned wrong = 1; wrong <= 16; wrong++) {
            bool valid_count = last >= 1 && last <= 16;
            if (valid_count && (wrong == 1 || wrong > last)) {
                continue; /* changing that byte makes no wrong padding */
            }
            uint8_t plain[16];
            SecretBytes out = {0};
            QOM_AUTO_ERROR(err);
            memset(plain, (int)last, sizeof(plain));
            plain[16 - wrong] ^= valid_count ? 0x40 : 0;
            assert_false(decrypt_to(plain, &out, &err));
            assert_string_equal(qom_error_message(err),
                                "Incorrect padding found on decrypted data");
            assert_null(out.data);
        }
    }
}

static void cipher_text_comes_in_whole_blocks(void **state)
{
    for (size_t len = 0; len < 33; len++) {
        SecretBytes in = {.data = (uint8_t *)nist_cipher, .len = len}, out = {0};
        QOM_AUTO_ERROR(err);
        if (len % 16 == 0 && len) {
            continue;
        }
        g_autofree char *text =
            g_strdup_printf("Length %zu must be a multiple of block size 16", len);
        assert_false(secret_decrypt(nist_key, nist_iv, &in, &out, &err));
        assert_true(g_str_has_prefix(qom_error_message(err), text));
    }
}

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
    g_autofree guchar *cipher = g_base64_decode(MESSAGE, &len);
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
    g_autofree char *json = g_malloc0(256);
    strcpy(json, "{'qom-type':'secret','id':'");
    strcat(strcat(strcat(strcat(json, id), "'"), more), ",'data':'");
    size_t len = strlen(json);
    for (size_t i = 0; i < sizeof(needle) - 1; i++) {
        json[len++] = (char)(needle[i] - 1);
    }
    strcpy(json + len, "'}");
    bool ok = qom_object_add_json(json, NULL, NULL);
    explicit_bzero(json, 256);
    return ok;
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
    unsigned alive = scan();
    assert_true(alive <= 1); /* memfd_secret is not even in /proc/self/mem */
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
        TEST(base64_is_strict),
        TEST(an_incomplete_group_is_called_so),
        TEST(a_nul_in_base64_is_refused),
        TEST(all_bytes_survive_base64),
        TEST(a_known_cipher_text_is_decrypted),
        TEST(every_right_padding_is_taken_off),
        TEST(every_wrong_padding_has_one_text),
        TEST(cipher_text_comes_in_whole_blocks),
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
