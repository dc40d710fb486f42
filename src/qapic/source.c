/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading schema files. */
#include "qapic/ast.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* QEMU's whole schema is 1 MB; what is far beyond is no schema (and lines must fit 32 bits). */
enum { SOURCE_MAX_BYTES = 64 * 1024 * 1024 };

typedef int Fd;

static void fd_close(Fd *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
}

static GString *read_all(const char *path, char **why)
{
    __attribute__((cleanup(fd_close))) Fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        *why = g_strdup(g_strerror(errno));
        return NULL;
    }
    g_autoptr(GString) text = g_string_sized_new(64 * 1024);
    char buffer[32 * 1024];
    while (true) {
        ssize_t n = read(fd, buffer, sizeof(buffer));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            *why = g_strdup(g_strerror(errno));
            return NULL;
        }
        if (n == 0) {
            return g_steal_pointer(&text);
        }
        if (text->len + n > SOURCE_MAX_BYTES) {
            *why = g_strdup_printf("larger than %d MiB", SOURCE_MAX_BYTES >> 20);
            return NULL;
        }
        g_string_append_len(text, buffer, n);
    }
}

/* CR LF and CR become LF; a missing final newline is supplied. */
static void normalise_line_ends(GString *text)
{
    if (memchr(text->str, '\r', text->len)) {
        size_t out = 0;
        for (size_t i = 0; i < text->len; i++) {
            if (text->str[i] != '\r') {
                text->str[out++] = text->str[i];
            } else if (i + 1 == text->len || text->str[i + 1] != '\n') {
                text->str[out++] = '\n';
            }
        }
        g_string_truncate(text, out);
    }
    if (!text->len || text->str[text->len - 1] != '\n') {
        g_string_append_c(text, '\n');
    }
}

SchemaFile *source_read(Schema *schema, const char *path, char **why)
{
    g_autoptr(GString) text = read_all(path, why);
    if (!text) {
        return NULL;
    }
    normalise_line_ends(text);
    SchemaFile *file = arena_new0(schema->arena, SchemaFile, 1);
    file->path = arena_strndup(schema->arena, path, strlen(path));
    file->text = arena_strndup(schema->arena, text->str, text->len);
    file->len = text->len;
    return file;
}
