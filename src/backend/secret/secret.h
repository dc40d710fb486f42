/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Secrets for those who need them: look up by id, borrow the bytes.
 */
#ifndef BACKEND_SECRET_H
#define BACKEND_SECRET_H

#include "qom/object.h"

#include <stddef.h>
#include <stdint.h>

#define TYPE_SECRET_COMMON "secret_common"
#define TYPE_SECRET        "secret"

/* Registers the types of this room. */
void secret_register_types(void);

/*
 * The bytes of the secret with id @id, which lie in locked memory and are followed by a 0 that does
 * not count. Borrowed: valid as long as the object, so take a reference to keep them. NULL and an
 * error
 * (`No secret with id '%s'`, `Object with id '%s' is not a secret`) otherwise. Main thread.
 */
const uint8_t *secret_lookup(const char *id, size_t *len, QomError **errp);

/* --- The parts, for this room and its tests -------------------------------------------------- */

/* Memory for secrets: locked, in no core file, not in children, wiped when freed. NULL and an error
 * if the limit on locked memory is reached. Any thread. */
void *secret_alloc(size_t size_bytes, QomError **errp);
/* Wipes and frees; NULL is fine. */
void secret_free(void *memory);
/* Bytes in locked memory now, over all secrets. */
size_t secret_locked_bytes(void);

/* A buffer of secret bytes. */
typedef struct SecretBytes {
    uint8_t *data; /* of secret_alloc(), one byte longer than len, ended by 0; NULL if none */
    size_t len;
} SecretBytes;
void secret_bytes_clear(SecretBytes *bytes);

/* Reads the file @path (at most 1 MiB) to its end; may block on a FIFO. */
bool secret_read_file(const char *path, SecretBytes *out, QomError **errp);

/* Strict base64 with complete groups; newlines between groups are fine. */
bool secret_base64_decode(const char *text, size_t len, SecretBytes *out, QomError **errp);

/* AES-256 in CBC mode with PKCS#7 padding. One error text for all faults of the padding. */
bool secret_decrypt(const uint8_t key[32], const uint8_t iv[16], const SecretBytes *in,
                    SecretBytes *out, QomError **errp);

#endif
