/* services/backend/domain/secret_token.h — random tokens that are kept as digests: refresh tokens
 * and personal API tokens.
 *
 * A refresh token's successor is derived from it and a salt that only the database has. So the same
 * refresh repeated (two tabs, a lost reply) gives the same successor, a token without its salt gives
 * none, and what the database holds gives no token. Bytes of a new one come from the caller. */
#ifndef SERVICES_BACKEND_DOMAIN_SECRET_TOKEN_H
#define SERVICES_BACKEND_DOMAIN_SECRET_TOKEN_H

#include <stddef.h>

#include "common/base/err.h"

enum {
    SECRET_TOKEN_BYTES = 32,
    SECRET_TOKEN_SALT_BYTES = 16,
    SECRET_TOKEN_TEXT_SIZE = 44,     /* 43 characters of base64url and a NUL */
    SECRET_TOKEN_API_TEXT_SIZE = 49, /* "todo_" before it */
};
#define SECRET_TOKEN_API_PREFIX "todo_"

struct secret_token {
    unsigned char bytes[SECRET_TOKEN_BYTES];
};
struct secret_digest {
    unsigned char bytes[32]; /* SHA-256 */
};
struct secret_salt {
    unsigned char bytes[SECRET_TOKEN_SALT_BYTES];
};

void secret_token_write(const struct secret_token *token, char text[SECRET_TOKEN_TEXT_SIZE]);
MUST_CHECK bool secret_token_read(const char *text, struct secret_token *token);
void secret_token_write_api(const struct secret_token *token,
                            char text[SECRET_TOKEN_API_TEXT_SIZE]);

/** Return whether `text` looks like a personal API token. */
bool secret_token_is_api(const char *text);
MUST_CHECK bool secret_token_read_api(const char *text, struct secret_token *token);

struct secret_digest secret_token_digest(const struct secret_token *token);
struct secret_token secret_token_successor(const struct secret_token *token,
                                           const struct secret_salt *salt);

#endif
