#include "services/audit/domain/walk.h"

#include <inttypes.h>
#include <string.h>

#include "services/audit/domain/payload.h"

#define WALK_FAULT(walk, at, ...)                                                                  \
    findings_add((walk)->findings, FINDING_FAULT, &(walk)->owner_id, (at), __VA_ARGS__)

void walk_init(struct walk *walk, struct findings *findings)
{
    *walk = (struct walk){.findings = findings};
}

/** The chain ends here: its head must say so. */
static void check_head(struct walk *walk)
{
    const struct walk_head *head = &walk->head;

    if (!head->is_there)
        WALK_FAULT(walk, 0, "the chain has entries but no head");
    else if (head->number > walk->number)
        WALK_FAULT(walk, walk->number + 1,
                   "the chain ends before this entry, its head is at %" PRId64
                   ": the tail is missing",
                   head->number);
    else if (head->number < walk->number)
        WALK_FAULT(walk, walk->number, "the entry lies beyond the head, which is at %" PRId64,
                   head->number);
    else if (memcmp(head->hash, walk->hash, ENTRY_HASH_BYTES) != 0)
        WALK_FAULT(walk, walk->number, "the hash of the head is not that of the newest entry");
}

void walk_end(struct walk *walk)
{
    if (walk->owner_id.text[0] != '\0')
        check_head(walk);
    walk->owner_id.text[0] = '\0';
}

static void begin_chain(struct walk *walk, const struct uuid *owner_id)
{
    walk_end(walk);
    walk->owner_id = *owner_id;
    walk->number = 0;
    memset(walk->hash, 0, sizeof(walk->hash));
    walk->has_told_key = false;
    walk->n_chains++;
}

/** Return whether the entry stands right behind the one before, so that its hash can be checked. */
static bool check_number(struct walk *walk, int64_t number)
{
    int64_t expected = walk->number + 1;

    if (number == expected)
        return true;
    if (number < expected)
        WALK_FAULT(walk, number, "no chain has an entry of this number here");
    else if (number == expected + 1)
        WALK_FAULT(walk, expected, "the entry is missing");
    else
        WALK_FAULT(walk, expected, "the entries from here to %" PRId64 " are missing", number - 1);
    return false;
}

static void check_hashes(struct walk *walk, const struct walk_row *row, bool is_next)
{
    const struct entry *entry = &row->entry;
    unsigned char expected[ENTRY_HASH_BYTES];

    if (row->is_malformed) {
        WALK_FAULT(walk, entry->number, "a field is missing or has the wrong size");
        return;
    }
    entry_compute_digest(entry, expected);
    if (memcmp(expected, entry->digest, ENTRY_HASH_BYTES) != 0)
        WALK_FAULT(walk, entry->number,
                   "a field was changed: the digest is not that of the fields");
    if (!is_next)
        return;
    entry_compute_hash(walk->hash, entry->number, entry->digest, expected);
    if (memcmp(expected, entry->hash, ENTRY_HASH_BYTES) != 0)
        WALK_FAULT(walk, entry->number, "the hash does not follow from the entry before");
}

/** Content is readable until the account is deleted, and never after. */
static void check_payload(struct walk *walk, const struct walk_row *row)
{
    const struct walk_head *head = &row->head;
    struct arena arena;

    if (!head->is_there || walk->has_told_key)
        return;
    if (head->is_erased && head->key != NULL) {
        WALK_FAULT(walk, 0, "the account was deleted but its payload key is still there");
        walk->has_told_key = true;
    } else if (!head->is_erased && head->key == NULL) {
        WALK_FAULT(walk, 0, "the payload key is gone but the account was not deleted");
        walk->has_told_key = true;
    } else if (head->key != NULL && row->entry.payload != NULL) {
        arena_init(&arena);
        if (payload_open(&row->entry, head->key, &arena) == NULL)
            WALK_FAULT(walk, row->entry.number, "the payload does not open with the owner's key");
        arena_clear(&arena);
    }
}

void walk_add(struct walk *walk, const struct walk_row *row)
{
    const struct entry *entry = &row->entry;
    bool is_next;

    if (strcmp(walk->owner_id.text, entry->owner_id.text) != 0)
        begin_chain(walk, &entry->owner_id);
    is_next = check_number(walk, entry->number);
    check_hashes(walk, row, is_next);
    if (!row->is_malformed)
        check_payload(walk, row);
    walk->number = entry->number;
    memcpy(walk->hash, entry->hash, sizeof(walk->hash));
    walk->head = row->head;
    walk->head.key = NULL; /* borrowed for the call alone */
    walk->n_entries++;
}
