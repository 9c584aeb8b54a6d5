/* services/backend/auth/token_cache.h — access tokens that were verified a moment ago, by digest.
 *
 * Verifying a signature and looking its session up costs more than the read it guards, so a
 * verified token is trusted until it expires, its session is to be looked up again (the caller
 * compares checked_at), its session is revoked here, or the keys change. A table of fixed size in
 * sets of eight: the entry that was checked longest ago makes room. */
#ifndef SERVICES_BACKEND_AUTH_TOKEN_CACHE_H
#define SERVICES_BACKEND_AUTH_TOKEN_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "services/backend/domain/principal.h"

struct token_cache;

enum { TOKEN_DIGEST_SIZE = 32 };

struct token_digest {
    unsigned char bytes[TOKEN_DIGEST_SIZE];
};

struct token_entry {
    struct token_digest digest;
    struct principal who;
    int64_t expires_at; /* 0: the slot is free */
    int64_t checked_at; /* monotonic ms: when its session was last seen alive */
};

struct token_cache *token_cache_new(size_t n_entries);
void token_cache_free(struct token_cache *cache); /* NULL is fine */

struct token_digest token_digest(const char *token);

/** Return the entry, NULL when there is none or it has expired; valid until the next call. */
const struct token_entry *token_cache_find(const struct token_cache *cache,
                                           const struct token_digest *digest, int64_t now_ms);
/** Keep an entry that was verified in `generation` (token_cache_generation then): it is left out when
 *  the keys have changed since. */
void token_cache_put(struct token_cache *cache, const struct token_entry *entry,
                     uint64_t generation);
uint64_t token_cache_generation(const struct token_cache *cache);
void token_cache_drop_session(struct token_cache *cache, const struct uuid *session_id);
/** Drop all of a user's but those of session `but`, which may be NULL. */
void token_cache_drop_user(struct token_cache *cache, const struct uuid *user_id,
                           const struct uuid *but);
/** Forget all: the keys have changed. */
void token_cache_clear(struct token_cache *cache);

#endif
