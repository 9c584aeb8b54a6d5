/* common/seal/sealed.h — texts that only holders of a key can read or make: XChaCha20-Poly1305 by
 * libsodium's secretbox. The active key seals, all keys open, so that a rotation loses nothing. */
#ifndef COMMON_SEAL_SEALED_H
#define COMMON_SEAL_SEALED_H

#include "common/base/arena.h"
#include "common/base/err.h"

struct seal_keys;
struct secret;

struct seal_keys *seal_keys_new(void);
void seal_keys_free(struct seal_keys *keys); /* wipes; NULL is fine */

/** Take the keys of a secret, of the same shape as those of common/jwt/jwt_keys.h. On failure the
 *  old ones stay. */
MUST_CHECK bool seal_keys_set(struct seal_keys *keys, const struct secret *secret, struct err *err);
bool seal_keys_is_set(const struct seal_keys *keys);

/** Return "<kid>.<base64url of nonce and box>" in the arena. ERR_TOO_LARGE beyond 32 KiB,
 *  ERR_UNAVAILABLE as long as there are no keys. */
MUST_CHECK bool seal_text(const struct seal_keys *keys, const char *text, struct arena *arena,
                          const char **sealed, struct err *err);
/** Return the text. ERR_INVALID when no key opens it or it was changed. */
MUST_CHECK bool seal_open(const struct seal_keys *keys, const char *sealed, struct arena *arena,
                          const char **text, struct err *err);

#endif
