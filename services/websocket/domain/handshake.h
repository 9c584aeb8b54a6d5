/* services/websocket/domain/handshake.h — the opening handshake of a WebSocket, the server's side.
 * Source: RFC 6455 §4.2. */
#ifndef SERVICES_WEBSOCKET_DOMAIN_HANDSHAKE_H
#define SERVICES_WEBSOCKET_DOMAIN_HANDSHAKE_H

#include <stdbool.h>

#include "common/base/err.h"

enum { HANDSHAKE_HEAD_SIZE = 160 };

/** The header fields that matter; NULL: absent. */
struct handshake {
    const char *upgrade, *connection, *key, *version;
};

/** Return whether it asks for a WebSocket at all, of whatever version. */
bool handshake_is_upgrade(const struct handshake *handshake);
bool handshake_is_known_version(const struct handshake *handshake); /* 13 */

/** Fail with ERR_INVALID when the key is not the base64 of 16 bytes. */
MUST_CHECK bool handshake_check_key(const struct handshake *handshake, struct err *err);

/** Write the whole head of the 101 for a checked key. */
void handshake_write_head(const struct handshake *handshake, char head[HANDSHAKE_HEAD_SIZE]);

#endif
