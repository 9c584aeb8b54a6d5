/* tests/fuzz/fuzz_jwt.c — bearer tokens: any text. Nothing is a token of ours but what was signed with
 * our key, and one part of the input is: verified, it must give what it holds. */
#include <assert.h>
#include <sodium.h>
#include <stdint.h>
#include <string.h>

#include "common/dapr/secrets.h"
#include "common/jwt/jwt_keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static const char KEY[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/* Sign `bytes` as body under a right header: what libjwt parses once the signature holds. */
static const char *sign(const uint8_t *bytes, size_t n_bytes, struct arena *arena)
{
    static const char head[] = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsxIiwidHlwIjoiSldUIn0";
    const int variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
    size_t n_body = sodium_base64_encoded_len(n_bytes, variant);
    char *body = arena_new(arena, n_body);
    unsigned char key[32], mac[crypto_auth_hmacsha256_BYTES];
    char mark[64];

    sodium_bin2base64(body, n_body, bytes, n_bytes, variant);
    const char *text = arena_format(arena, "%s.%s", head, body);

    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (unsigned char)i;
    crypto_auth_hmacsha256(mac, (const unsigned char *)text, strlen(text), key);
    sodium_bin2base64(mark, sizeof mark, mac, sizeof mac, variant);
    return arena_format(arena, "%s.%s", text, mark);
}

static bool verify(const struct jwt_keys *keys, const char *token, struct arena *arena)
{
    struct jwt_claims claims = {.audience = JWT_AUDIENCE_API};
    struct err err = {0};
    bool ok = jwt_verify(keys, token, 1, arena, &claims, &err);

    assert(ok == (err.code == ERR_NONE));
    assert(ok || err.code == ERR_UNAUTHENTICATED);
    assert(!ok || (claims.subject != NULL && claims.expires_at_s > 0));
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct secret_pair pairs[] = {{"active", "k1"}, {"k1", KEY}};
    const struct secret secret = {pairs, 2};
    struct jwt_keys *keys = jwt_keys_new();
    struct arena arena;
    struct err err = {0};

    arena_init(&arena);
    if (!jwt_keys_set(keys, &secret, &err))
        assert(false);
    assert(!verify(keys, arena_copy_bytes(&arena, bytes, n_bytes), &arena));
    if (n_bytes < 600)
        (void)verify(keys, sign(bytes, n_bytes, &arena), &arena);
    arena_clear(&arena);
    jwt_keys_free(keys);
    return 0;
}
