#include "services/backend/auth/token_cache.h"

#include <sodium.h>
#include <string.h>

#include "common/base/mem.h"

enum { SET_SIZE = 8 };

struct token_cache {
    struct token_entry *entries;
    size_t n_sets;       /* a power of two */
    uint64_t generation; /* how often it was cleared */
};

struct token_cache *token_cache_new(size_t n_entries)
{
    struct token_cache *cache = MEM_NEW(struct token_cache);

    cache->n_sets = 1;
    while (cache->n_sets * SET_SIZE < n_entries)
        cache->n_sets *= 2;
    cache->entries = mem_new_array(cache->n_sets * SET_SIZE, sizeof *cache->entries);
    return cache;
}

void token_cache_free(struct token_cache *cache)
{
    if (cache == NULL)
        return;
    mem_free(cache->entries);
    mem_free(cache);
}

struct token_digest token_digest(const char *token)
{
    struct token_digest digest;

    crypto_generichash(digest.bytes, sizeof digest.bytes, (const unsigned char *)token,
                       strlen(token), NULL, 0);
    return digest;
}

static struct token_entry *find_set(const struct token_cache *cache,
                                    const struct token_digest *digest)
{
    uint64_t at;

    memcpy(&at, digest->bytes, sizeof at);
    return cache->entries + (at & (cache->n_sets - 1)) * SET_SIZE;
}

static bool is_of(const struct token_entry *entry, const struct token_digest *digest)
{
    return entry->expires_at != 0 && memcmp(&entry->digest, digest, sizeof *digest) == 0;
}

const struct token_entry *token_cache_find(const struct token_cache *cache,
                                           const struct token_digest *digest, int64_t now_ms)
{
    const struct token_entry *set = find_set(cache, digest);

    for (const struct token_entry *e = set; e < set + SET_SIZE; e++)
        if (is_of(e, digest))
            return e->expires_at > now_ms ? e : NULL;
    return NULL;
}

void token_cache_put(struct token_cache *cache, const struct token_entry *entry,
                     uint64_t generation)
{
    struct token_entry *set = find_set(cache, &entry->digest);
    struct token_entry *place = set;

    if (generation != cache->generation)
        return;
    for (struct token_entry *e = set; e < set + SET_SIZE; e++) {
        if (is_of(e, &entry->digest)) {
            place = e;
            break;
        }
        if (place->expires_at != 0 && (e->expires_at == 0 || e->checked_at < place->checked_at))
            place = e;
    }
    *place = *entry;
}

uint64_t token_cache_generation(const struct token_cache *cache)
{
    return cache->generation;
}

void token_cache_drop_session(struct token_cache *cache, const struct uuid *session_id)
{
    for (size_t i = 0; i < cache->n_sets * SET_SIZE; i++)
        if (strcmp(cache->entries[i].who.session_id.text, session_id->text) == 0)
            cache->entries[i] = (struct token_entry){0};
}

void token_cache_drop_user(struct token_cache *cache, const struct uuid *user_id,
                           const struct uuid *but)
{
    for (size_t i = 0; i < cache->n_sets * SET_SIZE; i++) {
        struct token_entry *entry = &cache->entries[i];

        if (strcmp(entry->who.user_id.text, user_id->text) == 0 &&
            (but == NULL || strcmp(entry->who.session_id.text, but->text) != 0))
            *entry = (struct token_entry){0};
    }
}

void token_cache_clear(struct token_cache *cache)
{
    cache->generation++;
    memset(cache->entries, 0, cache->n_sets * SET_SIZE * sizeof *cache->entries);
}
