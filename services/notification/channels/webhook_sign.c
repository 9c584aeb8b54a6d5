#include "services/notification/channels/webhook_sign.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>
#include <string.h>

enum { SECRET_MIN = 24, SECRET_MAX = 64, MARK_BYTES = 32 };

static bool read_secret(const char *secret, unsigned char *key, size_t *n_key)
{
    static const char prefix[] = "whsec_";
    const char *text = secret + sizeof prefix - 1;

    return strncmp(secret, prefix, sizeof prefix - 1) == 0 &&
           sodium_base642bin(key, SECRET_MAX, text, strlen(text), NULL, n_key, NULL,
                             sodium_base64_VARIANT_ORIGINAL) == 0 &&
           *n_key >= SECRET_MIN;
}

const char *webhook_sign(const char *secret, const char *id, int64_t at_s, const struct buf *body,
                         struct arena *arena)
{
    const int variant = sodium_base64_VARIANT_ORIGINAL;
    unsigned char key[SECRET_MAX], mark[MARK_BYTES];
    char text[sodium_base64_ENCODED_LEN(MARK_BYTES, sodium_base64_VARIANT_ORIGINAL)];
    unsigned n_mark = sizeof mark;
    size_t n_key = 0;
    struct buf content;
    bool ok = read_secret(secret, key, &n_key);

    if (!ok)
        return NULL;
    buf_init(&content);
    buf_format(&content, "%s.%lld.", id, (long long)at_s);
    buf_add(&content, body->bytes, body->n_bytes);
    ok = HMAC(EVP_sha256(), key, (int)n_key, (const unsigned char *)content.bytes, content.n_bytes,
              mark, &n_mark) != NULL;
    sodium_memzero(key, sizeof key);
    buf_clear(&content);
    if (!ok)
        return NULL;
    sodium_bin2base64(text, sizeof text, mark, sizeof mark, variant);
    return arena_format(arena, "v1,%s", text);
}
