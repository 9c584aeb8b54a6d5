/* common/jwt/jwt_keys.h — signed tokens, HS256 alone: the active key signs, all keys
 * verify, so that a rotation signs nobody out. Source: RFC 7519, RFC 8725; libjwt does the work. */
#ifndef COMMON_JWT_JWT_KEYS_H
#define COMMON_JWT_JWT_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"

struct jwt_keys;
struct secret;

#define JWT_ISSUER "todo"
#define JWT_AUDIENCE_API "api"
#define JWT_AUDIENCE_WS "ws"
#define JWT_AUDIENCE_LINK "link"

enum { JWT_KEYS_MAX = 8, JWT_KEY_BYTES = 32, JWT_TEXT_MAX = 1024 };

struct jwt_claims {
    const char *audience;
    const char *subject;                        /* the user's id */
    const char *session_id;                     /* claim sid; NULL: none */
    const char *id;                             /* claim jti; NULL: none */
    const char *action, *task_id, *reminder_id; /* claims of the same names; NULL: none */
    int64_t generation;                         /* of the reminder, from 1; 0: none */
    int64_t seq;                                /* claim seq; -1: none */
    int64_t issued_at_s, expires_at_s;          /* seconds since 1970 UTC */
};

struct jwt_keys *jwt_keys_new(void);
void jwt_keys_free(struct jwt_keys *keys); /* wipes; NULL is fine */

/** Take the keys of a secret: pair "active" names the pair whose key signs; every other pair is a
 *  kid with the base64 of 32 bytes. On failure the old keys stay. */
MUST_CHECK bool jwt_keys_set(struct jwt_keys *keys, const struct secret *secret, struct err *err);
bool jwt_keys_is_set(const struct jwt_keys *keys);

/** Sign with the active key; the text is in the arena. */
MUST_CHECK bool jwt_sign(const struct jwt_keys *keys, const struct jwt_claims *claims,
                         struct arena *arena, const char **token, struct err *err);

/** Verify signature, algorithm, kid, issuer, expiry at `now_ms`, and that the token is for
 *  `claims->audience`, which the caller has set; fill the rest of `claims` from the arena. Fail with
 *  ERR_UNAUTHENTICATED, which does not say what exactly is wrong but for an expired one (slug
 *  "token_expired"). */
MUST_CHECK bool jwt_verify(const struct jwt_keys *keys, const char *token, int64_t now_ms,
                           struct arena *arena, struct jwt_claims *claims, struct err *err);

#endif
