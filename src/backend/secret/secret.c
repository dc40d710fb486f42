/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * secret: bytes with a name. They are loaded once, at completion; after that nothing about the
 * object changes, and its bytes can only be borrowed by code in this process: `data` reads back
 * empty.
 *
 *     data or file -> (base64) -> (AES-256-CBC under the secret `keyid`) -> locked memory
 *
 * A secret that refers to another needs it only while it is loaded: the reference is resolved when
 * `keyid` is checked, in the main thread, since loading from a FIFO happens in a worker. That it
 * could not be is said only when it is its turn, after the bytes were read.
 *
 * Source: the sheet on security, section 2.
 */
#include "backend/secret/secret.h"
#include "base/log.h"
#include "qapi-crypto.h"

#include <glib.h>
#include <string.h>

typedef struct SecretCommon {
    QomObject obj;
    SecretBytes bytes; /* empty until completion */
    QomObject *key;    /* the secret `keyid`, until completion; referenced */
    QomError *no_key;  /* why there is none; owned */
    /* the configuration follows: SecretCommonProperties or a struct that begins with it */
} SecretCommon;

typedef struct Secret {
    SecretCommon common;
    SecretProperties config;
} Secret;

G_STATIC_ASSERT(offsetof(Secret, config) == sizeof(SecretCommon));

enum { KEY_BYTES = 32, IV_BYTES = 16 };

const uint8_t *secret_lookup(const char *id, size_t *len, QomError **errp)
{
    QomObject *obj = qom_object_child(qom_objects(), id);
    if (!obj) {
        qom_error_set(errp, "No secret with id '%s'", id);
        return NULL;
    }
    if (!qom_object_is_a(obj, TYPE_SECRET_COMMON)) {
        qom_error_set(errp, "Object with id '%s' is not a secret", id);
        return NULL;
    }
    const SecretBytes *bytes = &((SecretCommon *)obj)->bytes;
    *len = bytes->len;
    return bytes->data;
}

static void forget_key(SecretCommon *self)
{
    qom_object_unref(self->key);
    self->key = NULL;
    qom_error_free(self->no_key);
    self->no_key = NULL;
}

static bool check_keyid(QomObject *obj, const void *value, QomError **errp)
{
    SecretCommon *self = (SecretCommon *)obj;
    const char *id = *(char *const *)value;
    size_t len;
    forget_key(self);
    if (!secret_lookup(id, &len, &self->no_key)) {
        return true;
    }
    if (len == KEY_BYTES) {
        self->key = qom_object_ref(qom_object_child(qom_objects(), id));
    } else {
        qom_error_set(&self->no_key, "Key should be 32 bytes in length");
    }
    return true;
}

static bool decode_iv(const char *text, uint8_t iv[IV_BYTES], QomError **errp)
{
    if (!text) {
        return qom_error_set(errp, "IV is required to decrypt secret");
    }
    SecretBytes bytes = {0};
    if (!secret_base64_decode(text, strlen(text), &bytes, errp)) {
        return false;
    }
    bool ok = bytes.len == IV_BYTES ||
              qom_error_set(errp, "IV should be 16 bytes in length not %zu", bytes.len);
    if (ok) {
        memcpy(iv, bytes.data, IV_BYTES);
    }
    secret_bytes_clear(&bytes);
    return ok;
}

static bool unbase64(SecretBytes *bytes, QomError **errp)
{
    SecretBytes encoded = *bytes;
    *bytes = (SecretBytes){0};
    bool ok = secret_base64_decode((const char *)encoded.data, encoded.len, bytes, errp);
    secret_bytes_clear(&encoded);
    return ok;
}

static bool decrypt(SecretCommon *self, const uint8_t iv[IV_BYTES], SecretBytes *bytes,
                    QomError **errp)
{
    const SecretCommon *key = (const SecretCommon *)self->key;
    SecretBytes cipher = *bytes;
    *bytes = (SecretBytes){0};
    bool ok = secret_decrypt(key->bytes.data, iv, &cipher, bytes, errp);
    secret_bytes_clear(&cipher);
    if (!ok) {
        /* Many of these are somebody who guesses at the padding. */
        log_warn("secret '%s' could not be decrypted", qom_object_name(&self->obj));
    }
    return ok;
}

/* Takes the bytes as they were given to what they stand for, and keeps them. */
static bool secret_common_load(SecretCommon *self, SecretBytes *bytes, QomError **errp)
{
    SecretCommonProperties *config = qom_object_config(&self->obj);
    uint8_t iv[IV_BYTES];
    if (self->no_key) {
        return qom_error_propagate(errp, g_steal_pointer(&self->no_key));
    }
    if ((config->keyid && !decode_iv(config->iv, iv, errp)) ||
        (config->format == QCRYPTO_SECRET_FORMAT_BASE64 && !unbase64(bytes, errp)) ||
        (config->keyid && !decrypt(self, iv, bytes, errp))) {
        return false;
    }
    self->bytes = *bytes;
    *bytes = (SecretBytes){0};
    config->loaded = true;
    return true;
}

static bool copy_data(const char *data, SecretBytes *bytes, QomError **errp)
{
    bytes->len = strlen(data);
    bytes->data = secret_alloc(bytes->len + 1, errp);
    if (!bytes->data) {
        return false;
    }
    memcpy(bytes->data, data, bytes->len + 1);
    return true;
}

static bool secret_complete(QomObject *obj, QomError **errp)
{
    Secret *self = (Secret *)obj;
    SecretProperties *config = &self->config;
    if (!config->data && !config->file) {
        return qom_error_set(errp, "Either 'file' or 'data' must be provided");
    }
    if (config->data && config->file) {
        return qom_error_set(errp, "'file' and 'data' are mutually exclusive");
    }
    SecretBytes bytes = {0};
    bool ok = config->data ? copy_data(config->data, &bytes, errp)
                           : secret_read_file(config->file, &bytes, errp);
    ok = ok && secret_common_load(&self->common, &bytes, errp);
    secret_bytes_clear(&bytes);
    if (config->data) {
        /* "" stays: it says that the secret was given by value (see qomd-dump-config). */
        explicit_bzero(config->data, strlen(config->data));
    }
    return ok;
}

/* Opening and reading a FIFO waits for its writer. */
static bool secret_complete_blocks(QomObject *obj)
{
    return ((Secret *)obj)->config.file != NULL;
}

static void secret_published(QomObject *obj)
{
    forget_key((SecretCommon *)obj);
}

static void secret_common_finalize(QomObject *obj)
{
    SecretCommon *self = (SecretCommon *)obj;
    forget_key(self);
    secret_bytes_clear(&self->bytes);
}

static const QomPropertyRule common_rules[] = {
    {.name = "loaded", .flags = QOM_PROPERTY_READONLY},
    {.name = "keyid", .check = check_keyid},
};

static const QomInterfaceInfo common_interfaces[] = {{QOM_TYPE_USER_CREATABLE, NULL}};

static const QomTypeInfo common_info = {
    .name = TYPE_SECRET_COMMON,
    .parent = QOM_TYPE_OBJECT,
    .abstract = true,
    .instance_size = sizeof(SecretCommon) + sizeof(SecretCommonProperties),
    .instance_finalize = secret_common_finalize,
    .interfaces = common_interfaces,
    .n_interfaces = G_N_ELEMENTS(common_interfaces),
    .config = &qapi_type_SecretCommonProperties,
    .config_offset = sizeof(SecretCommon),
    .rules = common_rules,
    .n_rules = G_N_ELEMENTS(common_rules),
};

static const QomPropertyRule secret_rules[] = {
    {.name = "data", .flags = QOM_PROPERTY_SENSITIVE},
};

static const QomUserCreatable secret_creatable = {
    .complete = secret_complete,
    .complete_blocks = secret_complete_blocks,
    .published = secret_published,
};
static const QomInterfaceInfo secret_interfaces[] = {{QOM_TYPE_USER_CREATABLE, &secret_creatable}};

static const QomTypeInfo secret_info = {
    .name = TYPE_SECRET,
    .parent = TYPE_SECRET_COMMON,
    .instance_size = sizeof(Secret),
    .interfaces = secret_interfaces,
    .n_interfaces = G_N_ELEMENTS(secret_interfaces),
    .config = &qapi_type_SecretProperties,
    .config_offset = offsetof(Secret, config),
    .rules = secret_rules,
    .n_rules = G_N_ELEMENTS(secret_rules),
};

void secret_register_types(void)
{
    qom_type_register(&common_info);
    qom_type_register(&secret_info);
}
