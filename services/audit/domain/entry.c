/* services/audit/domain/entry.c — the canonical encoding: a fixed list of fields, each a 4-byte
 * big-endian length and its bytes. UUIDs go as their 36 lower-case characters and integers as 8
 * big-endian bytes, so that a few lines of any language can do the same. A payload that is not there
 * has the length 2^32 - 1, which no payload has. */
#include "services/audit/domain/entry.h"

#include <sodium.h>
#include <string.h>

static const char DIGEST_DOMAIN[] = "todo/audit/entry/1";
static const char LINK_DOMAIN[] = "todo/audit/link/1";

enum { INT_BYTES = 8 };
static const uint32_t LENGTH_OF_NONE = UINT32_MAX;

static void write_int_bytes(int64_t value, unsigned char bytes[INT_BYTES])
{
    for (int i = INT_BYTES - 1; i >= 0; i--, value = (int64_t)((uint64_t)value >> 8))
        bytes[i] = (unsigned char)((uint64_t)value & 0xff);
}

static void add_length(struct buf *out, uint32_t length)
{
    const unsigned char bytes[] = {(unsigned char)(length >> 24), (unsigned char)(length >> 16),
                                   (unsigned char)(length >> 8), (unsigned char)length};

    buf_add(out, bytes, sizeof(bytes));
}

static void add_bytes(struct buf *out, const void *bytes, size_t n_bytes)
{
    add_length(out, (uint32_t)n_bytes);
    buf_add(out, bytes, n_bytes);
}

static void add_text(struct buf *out, const char *text)
{
    add_bytes(out, text, strlen(text));
}

static void add_int(struct buf *out, int64_t value)
{
    unsigned char bytes[INT_BYTES];

    write_int_bytes(value, bytes);
    add_bytes(out, bytes, sizeof(bytes));
}

void entry_write_identity(const struct entry *entry, struct buf *out)
{
    add_text(out, DIGEST_DOMAIN);
    add_text(out, entry->owner_id.text);
    add_text(out, entry->event_id.text);
    add_text(out, entry->topic);
    add_text(out, entry->type);
    add_text(out, entry->source);
    add_text(out, entry->subject);
    add_int(out, entry->seq);
    add_int(out, entry->occurred_at);
    add_int(out, entry->recorded_at);
}

void entry_compute_digest(const struct entry *entry, unsigned char digest[ENTRY_HASH_BYTES])
{
    crypto_hash_sha256_state state;
    struct buf identity;

    buf_init(&identity);
    entry_write_identity(entry, &identity);
    add_length(&identity, entry->payload == NULL ? LENGTH_OF_NONE : (uint32_t)entry->n_payload);
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, (const unsigned char *)identity.bytes, identity.n_bytes);
    if (entry->payload != NULL)
        crypto_hash_sha256_update(&state, entry->payload, entry->n_payload);
    crypto_hash_sha256_final(&state, digest);
    buf_clear(&identity);
}

void entry_compute_hash(const unsigned char previous[ENTRY_HASH_BYTES], int64_t number,
                        const unsigned char digest[ENTRY_HASH_BYTES],
                        unsigned char hash[ENTRY_HASH_BYTES])
{
    crypto_hash_sha256_state state;
    unsigned char number_bytes[INT_BYTES];

    write_int_bytes(number, number_bytes);
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, (const unsigned char *)LINK_DOMAIN, sizeof(LINK_DOMAIN) - 1);
    crypto_hash_sha256_update(&state, previous, ENTRY_HASH_BYTES);
    crypto_hash_sha256_update(&state, number_bytes, sizeof(number_bytes));
    crypto_hash_sha256_update(&state, digest, ENTRY_HASH_BYTES);
    crypto_hash_sha256_final(&state, hash);
}
