#include "common/dapr/relay_owners.h"

#include <string.h>

#include "common/base/clock.h"

enum { WAIT_MIN_MS = 100, WAIT_MAX_MS = 2000 };

int64_t relay_backoff_ms(int n_failures)
{
    int64_t wait_ms = WAIT_MIN_MS;

    for (int i = 1; i < n_failures && wait_ms < WAIT_MAX_MS; i++)
        wait_ms *= 2;
    if (wait_ms > WAIT_MAX_MS)
        wait_ms = WAIT_MAX_MS;
    return wait_ms / 2 + clock_monotonic_us() % (wait_ms / 2 + 1);
}

void owner_set_init(struct owner_set *set, struct arena *arena, size_t n_max)
{
    set->n_slots = 4;
    while (set->n_slots < 2 * n_max)
        set->n_slots *= 2;
    set->slots = arena_new_array(arena, set->n_slots, sizeof(*set->slots));
}

/* FNV-1a. The slot of the id, or the empty one where it belongs. */
static size_t slot_of(const struct owner_set *set, const char *owner_id)
{
    uint32_t hash = 2166136261u;
    size_t at;

    for (const char *c = owner_id; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619u;
    at = hash & (set->n_slots - 1);
    while (set->slots[at] != NULL && strcmp(set->slots[at], owner_id) != 0)
        at = (at + 1) & (set->n_slots - 1);
    return at;
}

bool owner_set_has(const struct owner_set *set, const char *owner_id)
{
    return set->slots[slot_of(set, owner_id)] != NULL;
}

void owner_set_add(struct owner_set *set, const char *owner_id)
{
    set->slots[slot_of(set, owner_id)] = owner_id;
}

/* The place of the owner, or a free one: of nobody, or of one whose last failure is long ago. */
static struct held_owner *place_of(struct held_owners *held, const char *owner_id, int64_t now_ms)
{
    struct held_owner *free_place = NULL;

    for (int i = 0; i < HELD_OWNERS_MAX; i++) {
        struct held_owner *h = &held->owners[i];

        if (strcmp(h->owner_id.text, owner_id) == 0)
            return h;
        if (free_place == NULL &&
            (h->owner_id.text[0] == '\0' || h->until_ms + WAIT_MAX_MS <= now_ms))
            free_place = h;
    }
    if (free_place != NULL) {
        *free_place = (struct held_owner){0};
        uuid_read(owner_id, &free_place->owner_id);
    }
    return free_place;
}

bool held_owners_add(struct held_owners *held, const char *owner_id)
{
    int64_t now_ms = clock_monotonic_ms();
    struct held_owner *place = place_of(held, owner_id, now_ms);

    if (place == NULL)
        return false;
    if (place->until_ms + WAIT_MAX_MS <= now_ms)
        place->n_failures = 0;
    place->until_ms = now_ms + relay_backoff_ms(++place->n_failures);
    return true;
}

size_t held_owners_list(const struct held_owners *held, const char **owners)
{
    int64_t now_ms = clock_monotonic_ms();
    size_t n_owners = 0;

    for (int i = 0; i < HELD_OWNERS_MAX; i++)
        if (held->owners[i].until_ms > now_ms)
            owners[n_owners++] = held->owners[i].owner_id.text;
    return n_owners;
}
