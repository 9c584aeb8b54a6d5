#include "services/backend/domain/rate_limit.h"

#include <sodium.h>
#include <string.h>

#include "common/base/mem.h"

enum { SET_SIZE = 8 };

struct bucket {
    uint64_t key;  /* digest; 0: free */
    int64_t at_us; /* when `parts` was right */
    int64_t parts; /* millionths of a token */
};

struct rate_limit {
    int64_t parts_per_s;
    int64_t full; /* parts of a full bucket */
    size_t n_sets;
    unsigned char random[crypto_shorthash_KEYBYTES];
    struct bucket *buckets;
};

_Static_assert(RATE_LIMIT_KEY_SIZE == crypto_shorthash_KEYBYTES, "the key of the digest");

static const int64_t TOKEN = 1000000;

struct rate_limit *rate_limit_new(int64_t per_min, int burst, size_t n_keys,
                                  const unsigned char random[RATE_LIMIT_KEY_SIZE])
{
    struct rate_limit *limit = MEM_NEW(struct rate_limit);

    limit->parts_per_s = per_min * TOKEN / 60;
    limit->full = burst * TOKEN;
    limit->n_sets = 1;
    while (limit->n_sets * SET_SIZE < n_keys)
        limit->n_sets *= 2;
    memcpy(limit->random, random, sizeof limit->random);
    if (per_min > 0)
        limit->buckets = mem_new_array(limit->n_sets * SET_SIZE, sizeof(struct bucket));
    return limit;
}

void rate_limit_free(struct rate_limit *limit)
{
    if (limit == NULL)
        return;
    mem_free(limit->buckets);
    mem_free(limit);
}

/* Elapsed time is cut at what fills any bucket, so that the product cannot overflow. */
static int64_t parts_at(const struct rate_limit *limit, const struct bucket *bucket, int64_t now_us)
{
    int64_t elapsed_us = now_us - bucket->at_us;
    int64_t missing = limit->full - bucket->parts;

    if (elapsed_us <= 0)
        return bucket->parts;
    if (elapsed_us / 1000000 > missing / limit->parts_per_s)
        return limit->full;
    int64_t parts = bucket->parts + elapsed_us / 1000000 * limit->parts_per_s +
                    elapsed_us % 1000000 * limit->parts_per_s / 1000000;
    return parts < limit->full ? parts : limit->full;
}

static struct bucket *find_bucket(struct rate_limit *limit, uint64_t key, int64_t now_us)
{
    struct bucket *set = limit->buckets + (key & (limit->n_sets - 1)) * SET_SIZE;
    struct bucket *fullest = set;
    int64_t most = -1;

    for (struct bucket *b = set; b < set + SET_SIZE; b++) {
        int64_t parts = b->key == 0 ? limit->full + 1 : parts_at(limit, b, now_us);

        if (b->key == key)
            return b;
        if (parts > most) {
            most = parts;
            fullest = b;
        }
    }
    *fullest = (struct bucket){key, now_us, limit->full};
    return fullest;
}

int64_t rate_limit_take(struct rate_limit *limit, const char *key, int64_t now_us)
{
    uint64_t digest = 0;

    if (limit->buckets == NULL)
        return 0;
    crypto_shorthash((unsigned char *)&digest, (const unsigned char *)key, strlen(key),
                     limit->random);
    if (digest == 0)
        digest = 1;
    struct bucket *bucket = find_bucket(limit, digest, now_us);
    int64_t parts = parts_at(limit, bucket, now_us);

    bucket->at_us = now_us;
    bucket->parts = parts;
    if (parts < TOKEN)
        return (TOKEN - parts) * 1000 / limit->parts_per_s + 1;
    bucket->parts -= TOKEN;
    return 0;
}
