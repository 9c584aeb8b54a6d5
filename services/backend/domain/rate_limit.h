/* services/backend/domain/rate_limit.h — token buckets by key, in a table of fixed size.
 *
 * A key's digest picks a set of eight slots. A key without a slot takes the one that is nearest to
 * full, so that what is forgotten is what mattered least; a forgotten key begins with a full
 * bucket again. The digest is keyed with random bytes: nobody can aim at a set. */
#ifndef SERVICES_BACKEND_DOMAIN_RATE_LIMIT_H
#define SERVICES_BACKEND_DOMAIN_RATE_LIMIT_H

#include <stddef.h>
#include <stdint.h>

struct rate_limit;

enum { RATE_LIMIT_KEY_SIZE = 16 };

/** `per_min` tokens a minute, at most `burst` at once; `per_min` 0 allows everything. `n_keys` is
 *  rounded up to a power of two of at least eight. */
struct rate_limit *rate_limit_new(int64_t per_min, int burst, size_t n_keys,
                                  const unsigned char random[RATE_LIMIT_KEY_SIZE]);
void rate_limit_free(struct rate_limit *limit); /* NULL is fine */

/** Take one token of `key` at `now_us` (monotonic). Return 0, or in how many ms one will be there. */
int64_t rate_limit_take(struct rate_limit *limit, const char *key, int64_t now_us);

#endif
