/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The module "cipher": block ciphers, by way of nettle. A module because most daemons never decrypt
 * anything.
 */
#include "qom/error.h"

#include <nettle/aes.h>
#include <nettle/cbc.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

void qom_cipher_aes256_cbc_decrypt(const uint8_t *key, const uint8_t *iv, size_t len, uint8_t *dst,
                                   const uint8_t *src);

/* Decrypts @len bytes, a multiple of 16, with a key of 32 and an iv of 16 bytes. */
QOM_PUBLIC void qom_cipher_aes256_cbc_decrypt(const uint8_t *key, const uint8_t *iv, size_t len,
                                              uint8_t *dst, const uint8_t *src)
{
    struct CBC_CTX(struct aes256_ctx, AES_BLOCK_SIZE) cbc;
    aes256_set_decrypt_key(&cbc.ctx, key);
    CBC_SET_IV(&cbc, iv);
    CBC_DECRYPT(&cbc, aes256_decrypt, len, dst, src);
    explicit_bzero(&cbc, sizeof(cbc));
}
