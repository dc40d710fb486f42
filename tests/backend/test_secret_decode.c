/* SPDX-License-Identifier: BSD-3-Clause */
/* What the bytes of a secret go through: base64 and AES-256-CBC. */
#include "fixture.h"

#include "backend/secret/secret.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

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

/* --- where the cipher comes from ------------------------------------------------------------- */

/* What a copy of this program does: 0 if its cipher is not installed, 77 if it is. */
static int decrypt_elsewhere(void)
{
    SecretBytes in = {.data = (uint8_t *)nist_cipher, .len = sizeof(nist_cipher)}, out = {0};
    QOM_AUTO_ERROR(err);
    if (secret_decrypt(nist_key, nist_iv, &in, &out, &err)) {
        secret_bytes_clear(&out);
        return 77;
    }
    return strstr(qom_error_message(err), "Module 'qom-cipher.so' is not installed in '") ? 0 : 1;
}

static void copy_file(const char *from, const char *to)
{
    g_autofree char *data = NULL;
    gsize len;
    assert_true(g_file_get_contents(from, &data, &len, NULL));
    assert_true(
        g_file_set_contents_full(to, data, (gssize)len, G_FILE_SET_CONTENTS_NONE, 0700, NULL));
}

static void a_module_beside_a_copy_of_the_program_is_not_loaded(void **state)
{
    g_autofree char *exe = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *tests = g_path_get_dirname(exe);
    g_autofree char *module = g_build_filename(tests, "../../modules/qom-cipher.so", NULL);
    g_autofree char *copy = scratch("copy");
    g_autofree char *beside = scratch("qom-cipher.so");
    g_autofree char *here = g_build_filename(scratch_folder(), "modules", NULL);
    g_autofree char *below = scratch("modules/qom-cipher.so");
    char *argv[] = {copy, (char *)"elsewhere", NULL};
    int status;
    assert_int_equal(g_mkdir(here, 0700), 0);
    copy_file(exe, copy);
    copy_file(module, beside);
    copy_file(module, below);
    /* In that folder, too. */
    assert_true(g_spawn_sync(scratch_folder(), argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL,
                             &status, NULL));
    g_unlink(below);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        skip();
    }
    assert_int_equal(status, 0);
}

static int teardown(void **state)
{
    prctl(PR_SET_DUMPABLE, 1); /* the leak checker looks at its parent */
    return backend_teardown(state);
}

#define TEST(name) cmocka_unit_test_teardown(name, backend_clear)

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "elsewhere") == 0) {
        return decrypt_elsewhere();
    }
    const struct CMUnitTest tests[] = {
        TEST(base64_is_strict),
        TEST(an_incomplete_group_is_called_so),
        TEST(a_nul_in_base64_is_refused),
        TEST(all_bytes_survive_base64),
        TEST(a_known_cipher_text_is_decrypted),
        TEST(every_right_padding_is_taken_off),
        TEST(every_wrong_padding_has_one_text),
        TEST(cipher_text_comes_in_whole_blocks),
        TEST(a_module_beside_a_copy_of_the_program_is_not_loaded),
    };
    return cmocka_run_group_tests_name("secret-decode", tests, backend_setup, teardown);
}
