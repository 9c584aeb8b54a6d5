/* common/dapr/relay_owners.h — owners as the relay keeps them: sets of one round, and those held
 * back for a while because an entry of theirs failed. For relay.c alone. */
#ifndef COMMON_DAPR_RELAY_OWNERS_H
#define COMMON_DAPR_RELAY_OWNERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/uuid.h"

enum { HELD_OWNERS_MAX = 64 };

/** A set of ids, borrowed; open addressing in an arena. */
struct owner_set {
    const char **slots;
    size_t n_slots; /* a power of two */
};
void owner_set_init(struct owner_set *set, struct arena *arena, size_t n_max);
bool owner_set_has(const struct owner_set *set, const char *owner_id);
void owner_set_add(struct owner_set *set, const char *owner_id);

/** Owners that are left out until a time of their own; zeroed is empty. */
struct held_owners {
    struct held_owner {
        struct uuid owner_id;
        int64_t until_ms; /* monotonic */
        int n_failures;
    } owners[HELD_OWNERS_MAX];
};

/** Hold an owner, longer with every failure. Return false when there is no room to remember him. */
bool held_owners_add(struct held_owners *held, const char *owner_id);

/** Put those that are held now into `owners`, which has room for HELD_OWNERS_MAX; return how many. */
size_t held_owners_list(const struct held_owners *held, const char **owners);

/** Return how long to wait after so many failures in a row: 100 ms, doubled up to 2 s, half of it by
 *  chance of the clock. */
int64_t relay_backoff_ms(int n_failures);

#endif
