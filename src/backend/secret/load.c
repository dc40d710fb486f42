/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How the bytes of a secret are got: from a file, out of base64, out of ciphertext. All of it stays
 * in locked memory on the way.
 *
 * Source: the sheet on security, section 2 (also for where this is stricter than QEMU).
 */
#include "backend/secret/secret.h"
#include "base/log.h"
#include "base/module.h"
#include "io/fdset.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILE_MAX_BYTES = 1024 * 1024,
    ROOM_MIN_BYTES = 4000, /* with what else is on it, one page */
    PATIENCE_MS = 30 * 1000,
    WAITING_MAX = 16, /* files; each has a worker of the pool, which others need, too */
    BLOCK_BYTES = 16,
};

static bool bytes_new(SecretBytes *bytes, size_t len, QomError **errp)
{
    bytes->data = secret_alloc(len + 1, errp);
    bytes->len = len;
    return bytes->data != NULL;
}

/* --- files ---------------------------------------------------------------------------------- */

static bool check_mode(const char *path, const struct stat *st, QomError **errp)
{
    if (!S_ISREG(st->st_mode)) {
        return true;
    }
    if (st->st_mode & S_IWOTH) {
        return qom_error_set(errp, "Unable to read %s: everybody may write to it (mode %04o)", path,
                             st->st_mode & 07777);
    }
    if (st->st_mode & S_IROTH) {
        log_warn("secret file %s can be read by everybody (mode %04o)", path, st->st_mode & 07777);
    }
    return true;
}

/* Has room for more bytes in @room, of which @have are used. */
static bool grow(SecretBytes *room, size_t have, QomError **errp)
{
    SecretBytes larger = {0};
    if (!bytes_new(&larger, MIN(room->len * 4 + ROOM_MIN_BYTES, FILE_MAX_BYTES), errp)) {
        return false;
    }
    if (have) {
        memcpy(larger.data, room->data, have);
    }
    secret_bytes_clear(room);
    *room = larger;
    return true;
}

/* How many files are being waited for. Any thread, atomic. */
static int *waiting_now(void)
{
    static int n;
    return &n;
}

/* Waits for input on @fd; false: *errp is set. Not for ever and not too many at once: a worker is
 * waiting here, and the end of the program for it. */
static bool wait_readable(int fd, const char *path, QomError **errp)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    /* syscalls: poll read -- a secret may come through a FIFO */
    int ready = poll(&wait, 1, 0);
    if (ready != 0) {
        return true;
    }
    if (__atomic_add_fetch(waiting_now(), 1, __ATOMIC_RELAXED) > WAITING_MAX) {
        qom_error_set(errp, "Unable to read %s: %d secrets wait for their files already", path,
                      WAITING_MAX);
    } else {
        ready = poll(&wait, 1, PATIENCE_MS);
        if (ready == 0) {
            qom_error_set(errp, "Unable to read %s: nothing came for %d s", path,
                          PATIENCE_MS / 1000);
        }
    }
    __atomic_sub_fetch(waiting_now(), 1, __ATOMIC_RELAXED);
    return ready != 0;
}

/* One read. -1: error is set; 0: end. Waits for the writer of a FIFO, which may not have come yet.
 */
static ssize_t read_some(int fd, const char *path, uint8_t *at, size_t room, QomError **errp)
{
    for (;;) {
        if (!wait_readable(fd, path, errp)) {
            return -1;
        }
        ssize_t got = read(fd, at, room);
        if (got >= 0) {
            return got;
        }
        if (errno != EINTR && errno != EAGAIN) {
            qom_error_set_errno(errp, errno, "Unable to read %s", path);
            return -1;
        }
    }
}

static bool read_all(int fd, const char *path, SecretBytes *out, QomError **errp)
{
    size_t have = 0;
    ssize_t got;
    do {
        if ((!out->data || have > out->len) && !grow(out, have, errp)) {
            return false;
        }
        /* There is always room for one more, which shows what is too large. */
        got = read_some(fd, path, out->data + have, out->len + 1 - have, errp);
        if (got < 0) {
            return false;
        }
        have += (size_t)got;
        if (have > FILE_MAX_BYTES) {
            return qom_error_set(errp, "Unable to read %s: larger than %d bytes", path,
                                 FILE_MAX_BYTES);
        }
    } while (got > 0);
    out->len = have;
    out->data[have] = 0;
    return true;
}

bool secret_read_file(const char *path, SecretBytes *out, QomError **errp)
{
    QOM_AUTO_ERROR(err);
    int fd = io_open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0, &err);
    if (fd < 0) {
        if (errno && !g_str_has_prefix(path, "/dev/fdset/")) {
            return qom_error_set_errno(errp, errno, "Unable to read %s", path);
        }
        return qom_error_set(errp, "Unable to read %s: %s", path, qom_error_message(err));
    }
    struct stat st;
    bool ok = fstat(fd, &st) == 0 || qom_error_set_errno(errp, errno, "Unable to read %s", path);
    ok = ok && check_mode(path, &st, errp) && read_all(fd, path, out, errp);
    if (!ok) {
        secret_bytes_clear(out);
    }
    close(fd);
    return ok;
}

/* --- base64 --------------------------------------------------------------------------------- */

/* 0 to 63, or -1; without branches or tables that depend on the character. */
static int sextet(uint8_t c)
{
    int value = -1;
    value += ((c >= 'A') & (c <= 'Z')) * (c - 'A' + 1);
    value += ((c >= 'a') & (c <= 'z')) * (c - 'a' + 27);
    value += ((c >= '0') & (c <= '9')) * (c - '0' + 53);
    value += (c == '+') * 63;
    value += (c == '/') * 64;
    return value;
}

static bool invalid_base64(SecretBytes *out, QomError **errp)
{
    secret_bytes_clear(out);
    return qom_error_set(errp, "Base64 data contains invalid characters");
}

bool secret_base64_decode(const char *text, size_t len, SecretBytes *out, QomError **errp)
{
    if (!bytes_new(out, len / 4 * 3, errp)) {
        return false;
    }
    size_t n = 0;                /* bytes out */
    unsigned in = 0, padded = 0; /* characters of the group at hand, and its '='; it is the last */
    uint32_t group = 0;
    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)text[i];
        if (c == '\n' || c == '\r') {
            continue;
        }
        int value = c == '=' && in >= 2 ? 0 : sextet(c);
        if (value < 0 || (padded && c != '=')) {
            return invalid_base64(out, errp);
        }
        padded += c == '=';
        group = group << 6 | (uint32_t)value;
        if (++in == 4) {
            out->data[n++] = (uint8_t)(group >> 16);
            out->data[n++] = (uint8_t)(group >> 8);
            out->data[n++] = (uint8_t)group;
            n -= padded;
            in = 0;
            group = 0;
        }
    }
    if (in) {
        secret_bytes_clear(out);
        return qom_error_set(errp,
                             "Base64 data is incomplete: its last group has %u of 4 "
                             "characters",
                             in);
    }
    out->len = n;
    out->data[n] = 0;
    return true;
}

/* --- decryption ----------------------------------------------------------------------------- */

typedef void CipherDecrypt(const uint8_t *key, const uint8_t *iv, size_t len, uint8_t *dst,
                           const uint8_t *src);

/* The length of the text without its padding, or -1; in time that does not depend on the padding.
 */
static ssize_t unpad(const uint8_t *data, size_t len)
{
    unsigned count = data[len - 1];
    unsigned bad = (count == 0) | (count > BLOCK_BYTES);
    for (unsigned i = 1; i <= BLOCK_BYTES; i++) {
        bad |= (i <= count) & (data[len - i] != count);
    }
    return bad ? -1 : (ssize_t)(len - count);
}

bool secret_decrypt(const uint8_t key[32], const uint8_t iv[16], const SecretBytes *in,
                    SecretBytes *out, QomError **errp)
{
    if (in->len == 0 || in->len % BLOCK_BYTES) {
        return qom_error_set(errp, "Length %zu must be a multiple of block size %d%s", in->len,
                             BLOCK_BYTES, in->len ? "" : ", and not 0");
    }
    void *module = module_open("cipher", "qomd", errp);
    CipherDecrypt *decrypt =
        module ? (CipherDecrypt *)module_symbol(module, "qom_cipher_aes256_cbc_decrypt", errp)
               : NULL;
    if (!decrypt || !bytes_new(out, in->len, errp)) {
        return false;
    }
    decrypt(key, iv, in->len, out->data, in->data);
    ssize_t len = unpad(out->data, in->len);
    if (len < 0) {
        secret_bytes_clear(out);
        return qom_error_set(errp, "Incorrect padding found on decrypted data");
    }
    out->len = (size_t)len;
    explicit_bzero(out->data + len, in->len - (size_t)len);
    return true;
}
