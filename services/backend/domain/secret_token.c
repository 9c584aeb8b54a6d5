#include "services/backend/domain/secret_token.h"

#include <sodium.h>
#include <string.h>

_Static_assert(sizeof(struct secret_digest) == crypto_hash_sha256_BYTES, "a digest is SHA-256");

void secret_token_write(const struct secret_token *token, char text[SECRET_TOKEN_TEXT_SIZE])
{
    sodium_bin2base64(text, SECRET_TOKEN_TEXT_SIZE, token->bytes, sizeof token->bytes,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

/* libsodium 1.0.18 takes some bytes above 127 for letters: the alphabet is checked here. */
bool secret_token_read(const char *text, struct secret_token *token)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t n_bytes = 0;

    return strlen(text) == SECRET_TOKEN_TEXT_SIZE - 1 &&
           strspn(text, alphabet) == SECRET_TOKEN_TEXT_SIZE - 1 &&
           sodium_base642bin(token->bytes, sizeof token->bytes, text, SECRET_TOKEN_TEXT_SIZE - 1,
                             NULL, &n_bytes, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
           n_bytes == sizeof token->bytes;
}

void secret_token_write_api(const struct secret_token *token, char text[SECRET_TOKEN_API_TEXT_SIZE])
{
    size_t n_prefix = strlen(SECRET_TOKEN_API_PREFIX);

    memcpy(text, SECRET_TOKEN_API_PREFIX, n_prefix);
    secret_token_write(token, text + n_prefix);
}

bool secret_token_is_api(const char *text)
{
    return strncmp(text, SECRET_TOKEN_API_PREFIX, strlen(SECRET_TOKEN_API_PREFIX)) == 0;
}

bool secret_token_read_api(const char *text, struct secret_token *token)
{
    return secret_token_is_api(text) &&
           secret_token_read(text + strlen(SECRET_TOKEN_API_PREFIX), token);
}

struct secret_digest secret_token_digest(const struct secret_token *token)
{
    struct secret_digest digest;

    crypto_hash_sha256(digest.bytes, token->bytes, sizeof token->bytes);
    return digest;
}

struct secret_token secret_token_successor(const struct secret_token *token,
                                           const struct secret_salt *salt)
{
    struct secret_token next;

    crypto_generichash(next.bytes, sizeof next.bytes, salt->bytes, sizeof salt->bytes, token->bytes,
                       sizeof token->bytes);
    return next;
}
