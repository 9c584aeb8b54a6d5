/* services/audit/domain/walk.h — holds every chain against its hashes, one entry after the other.
 *
 * Entries come ordered by (owner, number), each with the owner's head as it was in the same
 * snapshot; memory does not grow with their number. After a fault the walk goes on from the stored
 * hash, so each damaged place is named and not all that follow it. */
#ifndef SERVICES_AUDIT_DOMAIN_WALK_H
#define SERVICES_AUDIT_DOMAIN_WALK_H

#include "services/audit/domain/entry.h"
#include "services/audit/domain/finding.h"

struct walk_head {
    bool is_there;
    int64_t number;
    unsigned char hash[ENTRY_HASH_BYTES];
    bool is_erased;           /* the account was deleted */
    const unsigned char *key; /* the owner's payload key; NULL: none; borrowed for the call */
};

struct walk_row {
    struct entry entry;
    bool is_malformed; /* a column is NULL or has a size it never had */
    struct walk_head head;
};

struct walk {
    struct findings *findings; /* borrowed */
    int64_t n_chains, n_entries;
    struct uuid owner_id; /* whose chain is being walked; "": none yet */
    int64_t number;       /* of the newest entry seen */
    unsigned char hash[ENTRY_HASH_BYTES];
    struct walk_head head;
    bool has_told_key; /* once a chain is enough */
};

void walk_init(struct walk *walk, struct findings *findings);
void walk_add(struct walk *walk, const struct walk_row *row);

/** Close the last chain. Call it once, after the last entry. */
void walk_end(struct walk *walk);

#endif
