/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * -readconfig: options from an INI file.
 *
 *     # comment
 *     [object "io0"]
 *       qom-type = "iothread"
 *       poll-max-ns = "0"
 *
 * A group is an option, its name in quotes the id, each line a parameter. The group is put together
 * to option text and then goes the way of all options.
 */
#include "daemon/option.h"

#include "io/fdset.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* No configuration is larger; /dev/zero is. */
#define CONFIG_MAX_BYTES (16u << 20)

typedef struct ConfigReader {
    Daemon *daemon;
    const char *path;
    const Option *option; /* of the current group, or NULL */
    GString *text;        /* of the current group */
    unsigned line;
    unsigned last_line; /* of the current group, so far */
} ConfigReader;

static bool read_file(const char *path, GString *content, QomError **errp)
{
    int fd = io_open(path, O_RDONLY, 0, errp);
    if (fd < 0) {
        return false;
    }
    char buffer[4096];
    ssize_t n;
    while ((n = read(fd, buffer, sizeof(buffer))) > 0 || (n < 0 && errno == EINTR)) {
        g_string_append_len(content, buffer, MAX(n, 0));
        if (content->len > CONFIG_MAX_BYTES) {
            close(fd);
            return qom_error_set(errp, "'%s' is larger than %u MiB", path, CONFIG_MAX_BYTES >> 20);
        }
    }
    int err = errno;
    close(fd);
    return n == 0 || qom_error_set_errno(errp, err, "Could not read '%s'", path);
}

/* Appends `key=value` to the option text. */
static void add_parameter(GString *text, const char *key, const char *value)
{
    g_string_append_printf(text, "%s%s=", text->len > 0 ? "," : "", key);
    for (; *value; value++) {
        g_string_append(text, *value == ',' ? ",," : (char[]){*value, '\0'});
    }
}

/* The current group is complete. */
static void end_group(ConfigReader *reader)
{
    const Option *option = reader->option;
    if (!option) {
        return;
    }
    reader->option = NULL;
    char *text = g_strdup(reader->text->str);
    explicit_bzero(reader->text->str, reader->text->len);
    char *where = g_strdup_printf("-readconfig %s: line %u", reader->path, reader->last_line);
    option_use(reader->daemon, option, text, where);
}

/* Cuts the text up to the closing quote out of @quoted, which begins behind the opening one. NULL
 * unless only @tail follows the closing one. */
static char *unquote(char *quoted, const char *tail)
{
    char *end = strchr(quoted, '"');
    if (!end || strcmp(g_strstrip(end + 1), tail) != 0) {
        return NULL;
    }
    *end = '\0';
    return quoted;
}

/* @line is `[group]` or `[group "id"]`. */
static bool begin_group(ConfigReader *reader, char *line, QomError **errp)
{
    char *id = NULL;
    char *quote = strchr(line, '"');
    char *end = quote ? quote : strchr(line, ']');
    if (!end || (quote && !(id = unquote(quote + 1, "]"))) || (!quote && end[1])) {
        return qom_error_set(errp, "parse error");
    }
    *end = '\0';
    const char *group = g_strstrip(line + 1);
    reader->option = option_find_group(group);
    if (!reader->option) {
        return qom_error_set(errp, "There is no option group '%s'", group);
    }
    g_string_truncate(reader->text, 0);
    if (id) {
        add_parameter(reader->text, "id", id);
    }
    return true;
}

/* @line is `key = "value"`. */
static bool parse_parameter(ConfigReader *reader, char *line, QomError **errp)
{
    char *equals = strchr(line, '=');
    if (!reader->option) {
        return qom_error_set(errp, "no group defined");
    }
    if (!equals) {
        return qom_error_set(errp, "parse error");
    }
    *equals = '\0';
    char *quoted = g_strchug(equals + 1);
    const char *value = *quoted == '"' ? unquote(quoted + 1, "") : NULL;
    const char *key = g_strstrip(line);
    if (!value || !*key || strpbrk(key, ", \t")) {
        return qom_error_set(errp, "parse error");
    }
    add_parameter(reader->text, key, value);
    return true;
}

static bool parse_line(ConfigReader *reader, char *line, QomError **errp)
{
    g_strstrip(line);
    if (!*line || *line == '#') {
        return true;
    }
    reader->last_line = reader->line;
    return *line == '[' ? begin_group(reader, line, errp) : parse_parameter(reader, line, errp);
}

static bool parse_content(ConfigReader *reader, char *content, QomError **errp)
{
    char *next;
    for (char *line = content; line; line = next) {
        next = strchr(line, '\n');
        if (next) {
            *next++ = '\0';
        }
        if (line[strspn(line, " \t")] == '[') {
            end_group(reader);
        }
        reader->line++;
        if (!parse_line(reader, line, errp)) {
            qom_error_prefix(errp, "line %u: ", reader->line);
            return false;
        }
    }
    end_group(reader);
    return true;
}

bool option_parse_readconfig(Daemon *daemon, OptionUse *use, QomError **errp)
{
    g_autoptr(GString) content = g_string_new(NULL);
    g_autoptr(GString) text = g_string_new(NULL);
    if (!read_file(use->text, content, errp)) {
        return false;
    }
    ConfigReader reader = {.daemon = daemon, .path = use->text, .text = text};
    bool ok = parse_content(&reader, content->str, errp);
    explicit_bzero(content->str, content->len);
    return ok;
}
