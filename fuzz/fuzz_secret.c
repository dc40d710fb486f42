/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzes what makes the bytes of a secret: files, base64, decryption. The first byte of the input
 * says which.
 *
 * Must hold: base64 that is taken is what GLib makes of it; a plain text is shorter than its
 * ciphertext by 1 to 16 bytes; a file is read whole; what is refused says why; no page stays
 * locked.
 */
#include "confine.h"
#include "target.h"

#include "backend/secret/secret.h"

#include <glib.h>
#include <string.h>

static void decode(const char *text, size_t len)
{
    SecretBytes bytes = {0};
    QOM_AUTO_ERROR(err);
    if (!secret_base64_decode(text, len, &bytes, &err)) {
        g_assert(qom_error_message(err)[0] != '\0' && !bytes.data);
        return;
    }
    g_autofree char *copy = g_strndup(text, len);
    gsize n;
    g_autofree guchar *expected = g_base64_decode(copy, &n);
    g_assert(bytes.len == n && memcmp(bytes.data, expected, n) == 0 && bytes.data[n] == 0);
    secret_bytes_clear(&bytes);
}

static void decrypt(const uint8_t *data, size_t size)
{
    static const uint8_t key[32] = "a key", iv[16] = "a start";
    SecretBytes in = {(uint8_t *)data, size}, out = {0};
    QOM_AUTO_ERROR(err);
    if (secret_decrypt(key, iv, &in, &out, &err)) {
        g_assert(out.len < size && size - out.len <= 16 && out.data[out.len] == 0);
        secret_bytes_clear(&out);
    } else {
        g_assert(qom_error_message(err)[0] != '\0' && !out.data);
    }
}

static void read_file(const uint8_t *data, size_t size)
{
    SecretBytes bytes = {0};
    confine_file("secret", data, size);
    g_assert(secret_read_file("secret", &bytes, NULL));
    g_assert(bytes.len == size && memcmp(bytes.data, data, size) == 0);
    secret_bytes_clear(&bytes);
}

void target_input(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return;
    }
    switch (data[0] % 3) {
    case 0: decode((const char *)data + 1, size - 1); break;
    case 1: decrypt(data + 1, size - 1); break;
    default: read_file(data + 1, size - 1); break;
    }
    g_assert(secret_locked_bytes() == 0);
}
