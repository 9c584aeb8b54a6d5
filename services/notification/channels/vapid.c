#include "services/notification/channels/vapid.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/dapr/secrets.h"
#include "common/json/json_out.h"
#include "common/net/public_address.h"
#include "services/notification/channels/p256.h"

enum { KEPT_MAX = 16, NUMBER_BYTES = 32, ORIGIN_MAX = ADDRESS_HOST_MAX + 16 };

static const int BASE64 = sodium_base64_VARIANT_URLSAFE_NO_PADDING;

/* The token of one origin. */
struct kept {
    char origin[ORIGIN_MAX + 1]; /* "": free */
    char *value;
    int64_t expires_at_s;
};

struct vapid {
    const char *subject;
    EVP_PKEY *key; /* NULL: not set */
    unsigned char point[P256_POINT_BYTES];
    struct kept kept[KEPT_MAX];
    size_t next; /* to be replaced by a new origin */
};

struct vapid *vapid_new(const char *subject)
{
    struct vapid *vapid = MEM_NEW(struct vapid);

    vapid->subject = subject;
    return vapid;
}

static void forget_all(struct vapid *vapid)
{
    for (size_t i = 0; i < KEPT_MAX; i++) {
        mem_free(vapid->kept[i].value);
        vapid->kept[i] = (struct kept){0};
    }
}

void vapid_free(struct vapid *vapid)
{
    if (vapid == NULL)
        return;
    forget_all(vapid);
    EVP_PKEY_free(vapid->key);
    mem_free(vapid);
}

static bool read_base64(const char *text, unsigned char *bytes, size_t n_bytes)
{
    size_t n_read = 0;

    return text != NULL &&
           sodium_base642bin(bytes, n_bytes, text, strlen(text), "= \r\n", &n_read, NULL, BASE64) ==
               0 &&
           n_read == n_bytes;
}

bool vapid_set(struct vapid *vapid, const struct secret *secret, struct err *err)
{
    unsigned char private[P256_PRIVATE_BYTES], point[P256_POINT_BYTES];
    bool is_read = read_base64(secret_value(secret, "private"), private, sizeof private) &&
                   read_base64(secret_value(secret, "public"), point, sizeof point);
    EVP_PKEY *key = is_read ? p256_pair(private, point) : NULL;

    sodium_memzero(private, sizeof private);
    if (!is_read)
        return err_set(err, ERR_INVALID,
                       "\"private\" and \"public\" are not the base64url of %d "
                       "and %d bytes",
                       P256_PRIVATE_BYTES, P256_POINT_BYTES);
    if (key == NULL)
        return err_set(err, ERR_INVALID, "\"private\" and \"public\" are no pair of P-256");
    forget_all(vapid);
    EVP_PKEY_free(vapid->key);
    vapid->key = key;
    memcpy(vapid->point, point, sizeof point);
    return true;
}

static void add_base64(struct buf *out, const void *bytes, size_t n_bytes)
{
    size_t n_text = sodium_base64_encoded_len(n_bytes, BASE64);
    char *text = mem_new(n_text);

    sodium_bin2base64(text, n_text, bytes, n_bytes, BASE64);
    buf_add_text(out, text);
    mem_free(text);
}

/* RFC 7518 §3.4: r and s, each of 32 bytes, instead of OpenSSL's DER. */
static bool sign(EVP_PKEY *key, const struct buf *text, unsigned char mark[2 * NUMBER_BYTES])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char der[128];
    const unsigned char *at = der;
    size_t n_der = sizeof der;
    ECDSA_SIG *pair = NULL;
    bool ok = context && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
              EVP_DigestSign(context, der, &n_der, (const unsigned char *)text->bytes,
                             text->n_bytes) == 1;

    if (ok)
        pair = d2i_ECDSA_SIG(NULL, &at, (long)n_der);
    ok = pair && BN_bn2binpad(ECDSA_SIG_get0_r(pair), mark, NUMBER_BYTES) == NUMBER_BYTES &&
         BN_bn2binpad(ECDSA_SIG_get0_s(pair), mark + NUMBER_BYTES, NUMBER_BYTES) == NUMBER_BYTES;
    ECDSA_SIG_free(pair);
    EVP_MD_CTX_free(context);
    return ok;
}

static bool make_value(const struct vapid *vapid, const char *origin, int64_t expires_at_s,
                       struct buf *value)
{
    static const char head[] = "{\"typ\":\"JWT\",\"alg\":\"ES256\"}";
    unsigned char mark[2 * NUMBER_BYTES];
    struct buf claims, token;
    struct json_out out;

    buf_init(&claims);
    buf_init(&token);
    json_out_init(&out, &claims);
    json_open_object(&out, NULL);
    json_text(&out, "aud", origin);
    json_int(&out, "exp", expires_at_s);
    json_text(&out, "sub", vapid->subject);
    json_close_object(&out);
    add_base64(&token, head, sizeof head - 1);
    buf_add_char(&token, '.');
    add_base64(&token, claims.bytes, claims.n_bytes);
    bool ok = sign(vapid->key, &token, mark);

    if (ok) {
        buf_format(value, "vapid t=%s.", buf_text(&token));
        add_base64(value, mark, sizeof mark);
        buf_add_text(value, ", k=");
        add_base64(value, vapid->point, sizeof vapid->point);
    }
    buf_clear(&claims);
    buf_clear(&token);
    return ok;
}

static struct kept *find_kept(struct vapid *vapid, const char *origin)
{
    for (size_t i = 0; i < KEPT_MAX; i++)
        if (strcmp(vapid->kept[i].origin, origin) == 0)
            return &vapid->kept[i];
    vapid->next = (vapid->next + 1) % KEPT_MAX;
    return &vapid->kept[vapid->next];
}

bool vapid_authorize(struct vapid *vapid, const struct address_url *url, int64_t now_ms,
                     struct arena *arena, const char **value, struct err *err)
{
    char origin[ORIGIN_MAX + 1];
    int64_t now_s = now_ms / 1000;

    if (vapid->key == NULL)
        return err_set(err, ERR_UNAVAILABLE, "the key for push services has not been read yet");
    /* RFC 6454 §6.2: without the scheme's own port */
    if (url->port == (url->is_https ? 443 : 80))
        snprintf(origin, sizeof origin, "%s://%s", url->is_https ? "https" : "http", url->host);
    else
        snprintf(origin, sizeof origin, "%s://%s:%d", url->is_https ? "https" : "http", url->host,
                 url->port);
    struct kept *kept = find_kept(vapid, origin);

    /* a clock that was set back must not give more than RFC 8292's 24 hours */
    if (strcmp(kept->origin, origin) != 0 || kept->expires_at_s < now_s + VAPID_RENEW_S ||
        kept->expires_at_s > now_s + VAPID_LIFE_S) {
        struct buf text;

        buf_init(&text);
        if (!make_value(vapid, origin, now_s + VAPID_LIFE_S, &text)) {
            buf_clear(&text);
            return err_set(err, ERR_INTERNAL, "a token for a push service could not be signed");
        }
        mem_free(kept->value);
        kept->value = mem_copy_text(buf_text(&text));
        memcpy(kept->origin, origin, sizeof origin);
        kept->expires_at_s = now_s + VAPID_LIFE_S;
        buf_clear(&text);
    }
    *value = arena_copy_text(arena, kept->value);
    return true;
}
