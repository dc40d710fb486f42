/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Command line text to ChardevBackend: `-chardev BACKEND,id=ID,...` and the short forms of `-qmp`.
 *
 * Text differs from QMP: the members of the address stand beside the others, a socket is a client
 * unless `server` is given and then waits for its client, `delay` is the opposite of `nodelay`. So
 * the options are collected in one flat struct first, by the table `known`, which also says what
 * each backend takes; then the backend is built from it.
 */
#include "chardev/backend.h"

#include "base/log.h"
#include "qom/json.h"
#include "qom/object.h"
#include "qom/options.h"

#include <string.h>

typedef struct Flag {
    bool given;
    bool on;
} Flag;

typedef struct Number {
    bool given;
    uint64_t value;
} Number;

/* Strings are the tape's; NULL: not given. */
typedef struct Flat {
    const char *backend, *id, *logfile, *path, *input_path, *host, *port, *fd, *cid;
    Flag logappend, append, signal, server, wait, nodelay, delay, ipv4, ipv6, abstract, tight;
    Flag mux, telnet, tn3270, websocket;
    Number to, reconnect, reconnect_ms, size;
    const char *tls_creds, *tls_authz;
} Flat;

/* Sets of backends. */
enum {
    FOR_FILE = 1 << CHARDEV_BACKEND_KIND_FILE,
    FOR_SOCKET = 1 << CHARDEV_BACKEND_KIND_SOCKET,
    FOR_STDIO = 1 << CHARDEV_BACKEND_KIND_STDIO,
    FOR_RING = 1 << CHARDEV_BACKEND_KIND_RINGBUF | 1 << CHARDEV_BACKEND_KIND_MEMORY,
    FOR_ALL = -1,
};

typedef enum Form { FORM_TEXT, FORM_FLAG, FORM_NUMBER, FORM_SIZE } Form;

typedef struct Known {
    const char *name;
    Form form;
    size_t offset; /* in Flat */
    int backends;
    bool later; /* a later version will have it; only `off` is taken */
} Known;

#define KNOWN(name, form, field, backends)                 \
    {                                                      \
        name, form, offsetof(Flat, field), backends, false \
    }
#define LATER(name, form, field, backends)                \
    {                                                     \
        name, form, offsetof(Flat, field), backends, true \
    }

static const Known known[] = {
    KNOWN("backend", FORM_TEXT, backend, FOR_ALL),
    KNOWN("id", FORM_TEXT, id, FOR_ALL),
    KNOWN("logfile", FORM_TEXT, logfile, FOR_ALL),
    KNOWN("logappend", FORM_FLAG, logappend, FOR_ALL),
    KNOWN("path", FORM_TEXT, path, FOR_FILE | FOR_SOCKET),
    KNOWN("input-path", FORM_TEXT, input_path, FOR_FILE),
    KNOWN("append", FORM_FLAG, append, FOR_FILE),
    KNOWN("signal", FORM_FLAG, signal, FOR_STDIO),
    KNOWN("size", FORM_SIZE, size, FOR_RING),
    KNOWN("host", FORM_TEXT, host, FOR_SOCKET),
    KNOWN("port", FORM_TEXT, port, FOR_SOCKET),
    KNOWN("to", FORM_NUMBER, to, FOR_SOCKET),
    KNOWN("ipv4", FORM_FLAG, ipv4, FOR_SOCKET),
    KNOWN("ipv6", FORM_FLAG, ipv6, FOR_SOCKET),
    KNOWN("fd", FORM_TEXT, fd, FOR_SOCKET),
    KNOWN("cid", FORM_TEXT, cid, FOR_SOCKET),
    KNOWN("abstract", FORM_FLAG, abstract, FOR_SOCKET),
    KNOWN("tight", FORM_FLAG, tight, FOR_SOCKET),
    KNOWN("server", FORM_FLAG, server, FOR_SOCKET),
    KNOWN("wait", FORM_FLAG, wait, FOR_SOCKET),
    KNOWN("nodelay", FORM_FLAG, nodelay, FOR_SOCKET),
    KNOWN("delay", FORM_FLAG, delay, FOR_SOCKET),
    KNOWN("reconnect", FORM_NUMBER, reconnect, FOR_SOCKET),
    KNOWN("reconnect-ms", FORM_NUMBER, reconnect_ms, FOR_SOCKET),
    LATER("mux", FORM_FLAG, mux, FOR_ALL),
    LATER("telnet", FORM_FLAG, telnet, FOR_SOCKET),
    LATER("tn3270", FORM_FLAG, tn3270, FOR_SOCKET),
    LATER("websocket", FORM_FLAG, websocket, FOR_SOCKET),
    LATER("tls-creds", FORM_TEXT, tls_creds, FOR_SOCKET),
    LATER("tls-authz", FORM_TEXT, tls_authz, FOR_SOCKET),
};

/* What QEMU has and we do not have yet. */
static const char *const later_backends[] = {"pipe", "pty", "udp", "mux", "hub", "serial", NULL};
static const char *const later_forms[] = {"telnet:", "tn3270:", "websocket:", "udp:", "pty",
                                          "pipe:",   "/dev/",   "mon:",       NULL};

/* -------------------------------------------------------------------------------- collecting -- */

static bool not_yet(const char *what, const char *name, QomError **errp)
{
    return qom_error_set(errp, "%s '%s' is not supported by this version", what, name);
}

static bool take_number(const Known *option, const char *text, Number *number, QomError **errp)
{
    bool size = option->form == FORM_SIZE;
    if (size ? !qapi_parse_size(text, &number->value) : !qapi_parse_uint64(text, &number->value)) {
        qom_error_set(errp, "Parameter '%s' expects a %s", option->name,
                      size ? "non-negative number below 2^64" : "number");
        if (size) {
            qom_error_hint(errp,
                           "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, "
                           "peta-\nand exabytes, respectively.");
        }
        return false;
    }
    number->given = true;
    return true;
}

static bool take_option(Flat *flat, const Known *option, const char *text, QomError **errp)
{
    void *field = (char *)flat + option->offset;
    Flag *flag = field;
    switch (option->form) {
    case FORM_TEXT: *(const char **)field = text; break;
    case FORM_FLAG:
        if (!qapi_parse_bool(text, &flag->on)) {
            return qom_error_set(errp, "Parameter '%s' expects 'on' or 'off'", option->name);
        }
        flag->given = true;
        break;
    default:
        if (!take_number(option, text, field, errp)) {
            return false;
        }
        break;
    }
    if (option->later && (option->form == FORM_TEXT || flag->on)) {
        return not_yet("Option", option->name, errp);
    }
    return true;
}

static const Known *find_known(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        if (strcmp(known[i].name, name) == 0) {
            return &known[i];
        }
    }
    return NULL;
}

/* The last value of an option that is repeated counts. */
static bool collect(const JsonTape *tape, Flat *flat, QomError **errp)
{
    for (JsonTok key = json_tape_first(tape, JSON_ROOT); key != JSON_NONE;
         key = json_tape_next(tape, JSON_ROOT, key)) {
        const char *name = json_tok_text(tape, key, NULL);
        JsonTok value = json_tape_value(tape, key);
        const Known *option = find_known(name);
        if (!option || json_tape_type(tape, value) != JSON_TEXT) {
            return qom_error_set(errp, "Invalid parameter '%s'", name);
        }
        if (!take_option(flat, option, json_tok_text(tape, value, NULL), errp)) {
            return false;
        }
    }
    return true;
}

static bool check_fit(const JsonTape *tape, ChardevBackendKind kind, QomError **errp)
{
    for (JsonTok key = json_tape_first(tape, JSON_ROOT); key != JSON_NONE;
         key = json_tape_next(tape, JSON_ROOT, key)) {
        const char *name = json_tok_text(tape, key, NULL);
        if (!(find_known(name)->backends & 1 << kind)) {
            return qom_error_set(errp, "Invalid parameter '%s'", name);
        }
    }
    return true;
}

/* ---------------------------------------------------------------------------------- building -- */

static void build_inet(const Flat *flat, SocketAddressLegacy *addr)
{
    InetSocketAddress *inet = g_new0(InetSocketAddress, 1);
    addr->type = SOCKET_ADDRESS_TYPE_INET;
    addr->u.inet.data = inet;
    inet->host = g_strdup(flat->host ? flat->host : "");
    inet->port = g_strdup(flat->port);
    inet->has_to = flat->to.given;
    inet->to = (uint16_t)flat->to.value;
    inet->has_ipv4 = flat->ipv4.given;
    inet->ipv4 = flat->ipv4.on;
    inet->has_ipv6 = flat->ipv6.given;
    inet->ipv6 = flat->ipv6.on;
}

static void build_unix(const Flat *flat, SocketAddressLegacy *addr)
{
    UnixSocketAddress *local = g_new0(UnixSocketAddress, 1);
    addr->type = SOCKET_ADDRESS_TYPE_UNIX;
    addr->u.q_unix.data = local;
    local->path = g_strdup(flat->path);
    local->has_abstract = flat->abstract.given;
    local->abstract = flat->abstract.on;
    local->has_tight = flat->tight.given;
    local->tight = flat->tight.on;
}

static void build_vsock(const Flat *flat, SocketAddressLegacy *addr)
{
    addr->type = SOCKET_ADDRESS_TYPE_VSOCK;
    addr->u.vsock.data = g_new0(VsockSocketAddress, 1);
    addr->u.vsock.data->cid = g_strdup(flat->cid);
    addr->u.vsock.data->port = g_strdup(flat->port);
}

static void build_fd(const Flat *flat, SocketAddressLegacy *addr)
{
    addr->type = SOCKET_ADDRESS_TYPE_FD;
    addr->u.fd.data = g_new0(String, 1);
    addr->u.fd.data->str = g_strdup(flat->fd);
}

static bool check_socket(const Flat *flat, QomError **errp)
{
    int n = !!flat->path + !!flat->fd + !!flat->host + !!flat->cid;
    if (n > 1) {
        return qom_error_set(errp, "None or one of 'path', 'fd' or 'host' option required.");
    }
    if (n == 0 && !flat->port) {
        return qom_error_set(errp, "chardev: socket: no path, host or fd given");
    }
    if ((flat->host || flat->cid) && !flat->port) {
        return qom_error_set(errp, "chardev: socket: no port given");
    }
    if (flat->to.value > UINT16_MAX) {
        return qom_error_set(errp, "Parameter 'to' expects uint16_t");
    }
    return true;
}

static bool build_socket(const Flat *flat, ChardevSocket *socket, QomError **errp)
{
    if (!check_socket(flat, errp)) {
        return false;
    }
    socket->addr = g_new0(SocketAddressLegacy, 1);
    if (flat->path) {
        build_unix(flat, socket->addr);
    } else if (flat->fd) {
        build_fd(flat, socket->addr);
    } else if (flat->cid) {
        build_vsock(flat, socket->addr);
    } else {
        build_inet(flat, socket->addr);
    }
    socket->has_server = true;
    socket->server = flat->server.on;
    socket->has_wait = flat->wait.given || socket->server;
    socket->wait = flat->wait.given ? flat->wait.on : socket->server;
    socket->has_nodelay = flat->nodelay.given || flat->delay.given;
    socket->nodelay = flat->nodelay.given ? flat->nodelay.on : !flat->delay.on;
    socket->has_reconnect = flat->reconnect.given;
    socket->reconnect = (int64_t)MIN(flat->reconnect.value, INT64_MAX);
    socket->has_reconnect_ms = flat->reconnect_ms.given;
    socket->reconnect_ms = (int64_t)MIN(flat->reconnect_ms.value, INT64_MAX);
    return true;
}

static bool build_file(const Flat *flat, ChardevFile *file, QomError **errp)
{
    if (!flat->path) {
        return qom_error_set(errp, "chardev: file: no filename given");
    }
    file->out = g_strdup(flat->path);
    file->in = g_strdup(flat->input_path);
    file->has_append = flat->append.given;
    file->append = flat->append.on;
    return true;
}

/* Makes the options' struct of @backend->type, and fills in its own part. */
static bool build_own(const Flat *flat, ChardevBackend *backend, QomError **errp)
{
    switch (backend->type) {
    case CHARDEV_BACKEND_KIND_FILE:
        backend->u.file.data = g_new0(ChardevFile, 1);
        return build_file(flat, backend->u.file.data, errp);
    case CHARDEV_BACKEND_KIND_SOCKET:
        backend->u.socket.data = g_new0(ChardevSocket, 1);
        return build_socket(flat, backend->u.socket.data, errp);
    case CHARDEV_BACKEND_KIND_STDIO:
        backend->u.stdio.data = g_new0(ChardevStdio, 1);
        backend->u.stdio.data->has_signal = flat->signal.given;
        backend->u.stdio.data->signal = flat->signal.on;
        return true;
    case CHARDEV_BACKEND_KIND_RINGBUF:
    case CHARDEV_BACKEND_KIND_MEMORY:
        backend->u.ringbuf.data = g_new0(ChardevRingbuf, 1);
        backend->u.ringbuf.data->has_size = flat->size.given;
        backend->u.ringbuf.data->size = (int64_t)MIN(flat->size.value, INT64_MAX);
        return true;
    default: backend->u.null.data = g_new0(ChardevCommon, 1); return true;
    }
}

static ChardevBackend *build(const Flat *flat, ChardevBackendKind kind, QomError **errp)
{
    ChardevBackend *backend = g_new0(ChardevBackend, 1);
    backend->type = kind;
    if (!build_own(flat, backend, errp)) {
        chardev_backend_free(backend);
        return NULL;
    }
    ChardevCommon *common = (ChardevCommon *)chr_config_common(backend);
    common->logfile = g_strdup(flat->logfile);
    common->has_logappend = flat->logappend.given;
    common->logappend = flat->logappend.on;
    return backend;
}

/* --------------------------------------------------------------------------------- the forms -- */

void chardev_backend_free(ChardevBackend *backend)
{
    if (backend) {
        ChardevBackend_clear(backend);
        g_free(backend);
    }
}

static void warn(void *opaque, const char *message)
{
    log_warn("%s", message);
}

static bool resolve_kind(const Flat *flat, ChardevBackendKind *kind, QomError **errp)
{
    if (!flat->backend) {
        return qom_error_set(errp, "chardev: \"%s\" missing backend", flat->id);
    }
    if (g_strv_contains(later_backends, flat->backend)) {
        return not_yet("Character device backend", flat->backend, errp);
    }
    int found =
        qapi_enum_lookup(&qapi_type_ChardevBackendKind, flat->backend, strlen(flat->backend));
    if (found < 0) {
        return qom_error_set(errp, "'%s' is not a valid char driver name", flat->backend);
    }
    *kind = (ChardevBackendKind)found;
    return true;
}

static ChardevBackend *from_json(const char *text, char **id, QomError **errp)
{
    q_obj_chardev_add_arg args;
    QapiDecode how = {0};
    if (!qapi_decode_json(&how, &qapi_type_q_obj_chardev_add_arg, text, strlen(text), &args,
                          errp)) {
        return NULL;
    }
    if (!chr_check_id(args.id, errp)) {
        qapi_clear(&qapi_type_q_obj_chardev_add_arg, &args);
        return NULL;
    }
    *id = args.id;
    return args.backend;
}

static ChardevBackend *from_tape(const JsonTape *tape, char **id, QomError **errp)
{
    Flat flat = {0};
    ChardevBackendKind kind = CHARDEV_BACKEND_KIND_NULL;
    if (!collect(tape, &flat, errp)) {
        return NULL;
    }
    if (!flat.id) {
        qom_error_set(errp, "chardev: no id specified");
        return NULL;
    }
    if (!chr_check_id(flat.id, errp) || !resolve_kind(&flat, &kind, errp) ||
        !check_fit(tape, kind, errp)) {
        return NULL;
    }
    ChardevBackend *backend = build(&flat, kind, errp);
    if (backend) {
        *id = g_strdup(flat.id);
    }
    return backend;
}

ChardevBackend *chardev_parse_option(const char *text, char **id, bool *help, QomError **errp)
{
    *help = false;
    if (*text == '{') {
        return from_json(text, id, errp);
    }
    QapiOptionsHow how = {.implied_key = "backend", .warn = warn};
    JsonTape *tape = qapi_options_parse(text, &how, help, errp);
    if (!tape) {
        return NULL;
    }
    ChardevBackend *backend = *help ? NULL : from_tape(tape, id, errp);
    json_tape_free(tape);
    return backend;
}

/* Options behind the address of a short form. */
static ChardevBackend *short_socket(Flat *flat, const char *options, QomError **errp)
{
    if (!*options) {
        return build(flat, CHARDEV_BACKEND_KIND_SOCKET, errp);
    }
    QapiOptionsHow how = {.warn = warn};
    JsonTape *tape = qapi_options_parse(options, &how, NULL, errp);
    if (!tape) {
        return NULL;
    }
    ChardevBackend *backend = NULL;
    if (collect(tape, flat, errp) && check_fit(tape, CHARDEV_BACKEND_KIND_SOCKET, errp)) {
        backend = build(flat, CHARDEV_BACKEND_KIND_SOCKET, errp);
    }
    json_tape_free(tape);
    return backend;
}

/* Cuts the address off the options: up to a single comma, double ones are commas in it. */
static char *cut_address(const char **text)
{
    GString *address = g_string_new(NULL);
    const char *p = *text;
    for (; *p && (*p != ',' || p[1] == ','); p++) {
        p += *p == ',';
        g_string_append_c(address, *p);
    }
    *text = *p ? p + 1 : p;
    return g_string_free(address, FALSE);
}

/* `[HOST]:PORT`; an IPv6 address as host may be in brackets. False: no port. */
static bool split_host_port(char *address, Flat *flat)
{
    char *colon = strrchr(address, ':');
    if (!colon || !colon[1]) {
        return false;
    }
    *colon = 0;
    flat->port = colon + 1;
    flat->host = address;
    if (*address == '[' && colon > address && colon[-1] == ']') {
        colon[-1] = 0;
        flat->host = address + 1;
    }
    return true;
}

static bool is_later_form(const char *text)
{
    for (size_t i = 0; later_forms[i]; i++) {
        if (g_str_has_prefix(text, later_forms[i])) {
            return true;
        }
    }
    return false;
}

static bool skip_prefix(const char **text, const char *prefix)
{
    bool has = g_str_has_prefix(*text, prefix);
    *text += has ? strlen(prefix) : 0;
    return has;
}

ChardevBackend *chardev_parse_short(const char *text, QomError **errp)
{
    Flat flat = {0};
    const char *rest = text;
    if (strcmp(text, "null") == 0) {
        return build(&flat, CHARDEV_BACKEND_KIND_NULL, errp);
    }
    if (strcmp(text, "stdio") == 0) {
        return build(&flat, CHARDEV_BACKEND_KIND_STDIO, errp);
    }
    if (skip_prefix(&rest, "file:")) {
        flat.path = rest;
        return build(&flat, CHARDEV_BACKEND_KIND_FILE, errp);
    }
    bool is_unix = skip_prefix(&rest, "unix:");
    bool is_tcp = !is_unix && skip_prefix(&rest, "tcp:");
    bool is_fd = !is_unix && !is_tcp && skip_prefix(&rest, "fd:");
    g_autofree char *address = cut_address(&rest);
    if (is_unix || is_fd) {
        *(is_unix ? &flat.path : &flat.fd) = address;
        return short_socket(&flat, rest, errp);
    }
    if (is_tcp && split_host_port(address, &flat)) {
        return short_socket(&flat, rest, errp);
    }
    if (is_later_form(text)) {
        not_yet("Character device", text, errp);
    } else if (is_tcp) {
        qom_error_set(errp, "parse error: %s", text);
    } else {
        qom_error_set(errp, "'%s' is not a valid char driver", text);
    }
    return NULL;
}

void chardev_foreach_option(void (*fn)(void *opaque, const char *name, const QapiType *type),
                            void *opaque)
{
    static const QapiType *const types[] = {
        [FORM_TEXT] = &qapi_type_str,
        [FORM_FLAG] = &qapi_type_bool,
        [FORM_NUMBER] = &qapi_type_uint64,
        [FORM_SIZE] = &qapi_type_size,
    };
    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        if (!known[i].later && strcmp(known[i].name, "id") != 0) {
            fn(opaque, known[i].name, types[known[i].form]);
        }
    }
}
