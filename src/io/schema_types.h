/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The types of schema/sockets.json and schema/char.json in C, in the shape of qom/qapi.h.
 */
#ifndef IO_SCHEMA_TYPES_H
#define IO_SCHEMA_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum SocketAddressType {
    SOCKET_ADDRESS_TYPE_INET,
    SOCKET_ADDRESS_TYPE_UNIX,
    SOCKET_ADDRESS_TYPE_VSOCK,
    SOCKET_ADDRESS_TYPE_FD,
} SocketAddressType;

typedef struct String {
    char *str;
} String;

typedef struct InetSocketAddress {
    char *host;
    char *port;
    bool has_numeric;
    bool numeric;
    bool has_to;
    uint16_t to;
    bool has_ipv4;
    bool ipv4;
    bool has_ipv6;
    bool ipv6;
    bool has_keep_alive;
    bool keep_alive;
    bool has_mptcp;
    bool mptcp;
} InetSocketAddress;

typedef struct UnixSocketAddress {
    char *path;
    bool has_abstract;
    bool abstract;
    bool has_tight;
    bool tight;
} UnixSocketAddress;

typedef struct VsockSocketAddress {
    char *cid;
    char *port;
} VsockSocketAddress;

typedef struct SocketAddress {
    SocketAddressType type;
    union {
        InetSocketAddress inet;
        UnixSocketAddress q_unix;
        VsockSocketAddress vsock;
        String fd;
    } u;
} SocketAddress;

typedef struct InetSocketAddressWrapper {
    InetSocketAddress *data;
} InetSocketAddressWrapper;

typedef struct UnixSocketAddressWrapper {
    UnixSocketAddress *data;
} UnixSocketAddressWrapper;

typedef struct VsockSocketAddressWrapper {
    VsockSocketAddress *data;
} VsockSocketAddressWrapper;

typedef struct StringWrapper {
    String *data;
} StringWrapper;

typedef struct SocketAddressLegacy {
    SocketAddressType type;
    union {
        InetSocketAddressWrapper inet;
        UnixSocketAddressWrapper q_unix;
        VsockSocketAddressWrapper vsock;
        StringWrapper fd;
    } u;
} SocketAddressLegacy;

typedef struct ChardevCommon {
    char *logfile;
    bool has_logappend;
    bool logappend;
} ChardevCommon;

typedef struct ChardevFile {
    char *logfile;
    bool has_logappend;
    bool logappend;
    char *in;
    char *out;
    bool has_append;
    bool append;
} ChardevFile;

typedef struct ChardevSocket {
    char *logfile;
    bool has_logappend;
    bool logappend;
    SocketAddressLegacy *addr;
    bool has_server;
    bool server;
    bool has_wait;
    bool wait;
    bool has_nodelay;
    bool nodelay;
    bool has_reconnect;
    int64_t reconnect;
    bool has_reconnect_ms;
    int64_t reconnect_ms;
} ChardevSocket;

typedef struct ChardevStdio {
    char *logfile;
    bool has_logappend;
    bool logappend;
    bool has_signal;
    bool signal;
} ChardevStdio;

typedef struct ChardevRingbuf {
    char *logfile;
    bool has_logappend;
    bool logappend;
    bool has_size;
    int64_t size;
} ChardevRingbuf;

typedef enum ChardevBackendKind {
    CHARDEV_BACKEND_KIND_FILE,
    CHARDEV_BACKEND_KIND_SOCKET,
    CHARDEV_BACKEND_KIND_NULL,
    CHARDEV_BACKEND_KIND_STDIO,
    CHARDEV_BACKEND_KIND_RINGBUF,
    CHARDEV_BACKEND_KIND_MEMORY,
} ChardevBackendKind;

typedef struct ChardevFileWrapper {
    ChardevFile *data;
} ChardevFileWrapper;

typedef struct ChardevSocketWrapper {
    ChardevSocket *data;
} ChardevSocketWrapper;

typedef struct ChardevCommonWrapper {
    ChardevCommon *data;
} ChardevCommonWrapper;

typedef struct ChardevStdioWrapper {
    ChardevStdio *data;
} ChardevStdioWrapper;

typedef struct ChardevRingbufWrapper {
    ChardevRingbuf *data;
} ChardevRingbufWrapper;

typedef struct ChardevBackend {
    ChardevBackendKind type;
    union {
        ChardevFileWrapper file;
        ChardevSocketWrapper socket;
        ChardevCommonWrapper null;
        ChardevStdioWrapper stdio;
        ChardevRingbufWrapper ringbuf;
        ChardevRingbufWrapper memory;
    } u;
} ChardevBackend;

#endif
