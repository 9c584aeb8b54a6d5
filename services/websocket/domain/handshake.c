#include "services/websocket/domain/handshake.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { KEY_CHARS = 24, ACCEPT_SIZE = 32 };

static const char ACCEPT_GUID[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455 §1.3 */
static const char BASE64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Fields of this kind are lists of tokens in any case: "keep-alive, Upgrade". */
static bool has_token(const char *list, const char *token)
{
    size_t n_token = strlen(token);

    while (list && *list) {
        size_t n_entry;

        list += strspn(list, ", \t");
        n_entry = strcspn(list, ", \t");
        if (n_entry == n_token && strncasecmp(list, token, n_token) == 0)
            return true;
        list += n_entry;
    }
    return false;
}

bool handshake_is_upgrade(const struct handshake *handshake)
{
    return has_token(handshake->upgrade, "websocket") &&
           has_token(handshake->connection, "Upgrade");
}

bool handshake_is_known_version(const struct handshake *handshake)
{
    return handshake->version && strcmp(handshake->version, "13") == 0;
}

bool handshake_check_key(const struct handshake *handshake, struct err *err)
{
    const char *key = handshake->key;

    /* 16 bytes are 22 characters, the last of which carries 2 bits, and two = */
    if (!key || strlen(key) != KEY_CHARS || strspn(key, BASE64) != KEY_CHARS - 2 ||
        strcmp(key + KEY_CHARS - 2, "==") != 0 || !strchr("AQgw", key[KEY_CHARS - 3]))
        return err_add_field(err, "Sec-WebSocket-Key", "must be the base64 of 16 bytes");
    return true;
}

void handshake_write_head(const struct handshake *handshake, char head[HANDSHAKE_HEAD_SIZE])
{
    char text[KEY_CHARS + sizeof(ACCEPT_GUID)];
    unsigned char digest[SHA_DIGEST_LENGTH], accept[ACCEPT_SIZE];
    int n_text = snprintf(text, sizeof(text), "%s%s", handshake->key, ACCEPT_GUID);

    SHA1((const unsigned char *)text, (size_t)n_text, digest);
    EVP_EncodeBlock(accept, digest, sizeof(digest));
    snprintf(head, HANDSHAKE_HEAD_SIZE,
             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Accept: %s\r\n\r\n",
             (const char *)accept);
}
