/* services/audit/domain/entry.h — one link of an owner's chain, and what its hashes are taken of.
 *
 * digest = SHA-256 of the fields, each with its length before it (so no two entries share an
 * encoding); hash = SHA-256("todo/audit/link/1" ‖ hash of the entry before ‖ number ‖ digest). The
 * first entry follows 32 zero bytes. PostgreSQL computes the same hash under the lock of the
 * owner's head (store/chain_store.c); here it is for checking. docs/AUDIT.md has the encoding. */
#ifndef SERVICES_AUDIT_DOMAIN_ENTRY_H
#define SERVICES_AUDIT_DOMAIN_ENTRY_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/uuid.h"

enum { ENTRY_HASH_BYTES = 32 };

/** Texts and payload are borrowed. */
struct entry {
    struct uuid owner_id;
    int64_t number; /* counts from 1 within the owner's chain */
    struct uuid event_id;
    const char *topic, *type, *source, *subject;
    int64_t seq;                  /* of the source; 0: the event has none */
    int64_t occurred_at;          /* the event's time */
    int64_t recorded_at;          /* when audit appended it */
    const unsigned char *payload; /* the event's data, sealed; NULL: the account was deleted */
    size_t n_payload;
    unsigned char digest[ENTRY_HASH_BYTES];
    unsigned char hash[ENTRY_HASH_BYTES];
};

/** Append the fields that say what the entry is, all but number and payload: the associated data of
 *  the payload, so that it opens nowhere else. */
void entry_write_identity(const struct entry *entry, struct buf *out);

/** Compute the digest of identity and payload into `digest`. */
void entry_compute_digest(const struct entry *entry, unsigned char digest[ENTRY_HASH_BYTES]);

/** Compute the hash that follows `previous` into `hash`. */
void entry_compute_hash(const unsigned char previous[ENTRY_HASH_BYTES], int64_t number,
                        const unsigned char digest[ENTRY_HASH_BYTES],
                        unsigned char hash[ENTRY_HASH_BYTES]);

#endif
