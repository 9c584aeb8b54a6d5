#include "services/audit/store/entry_row.h"

#include <sodium.h>
#include <string.h>

enum {
    COLUMN_OWNER,
    COLUMN_NUMBER,
    COLUMN_EVENT,
    COLUMN_TOPIC,
    COLUMN_TYPE,
    COLUMN_SOURCE,
    COLUMN_SUBJECT,
    COLUMN_SEQ,
    COLUMN_OCCURRED,
    COLUMN_RECORDED,
    COLUMN_PAYLOAD,
    COLUMN_DIGEST,
    COLUMN_HASH,
};

bool entry_row_read_bytes(const struct pg_rows *rows, int row, int column, unsigned char *bytes,
                          size_t n_bytes)
{
    size_t n_read = 0;
    struct arena arena;
    unsigned char *read;

    if (pg_is_null(rows, row, column))
        return false;
    arena_init(&arena);
    read = pg_bytes(rows, row, column, &arena, &n_read);
    if (n_read == n_bytes)
        memcpy(bytes, read, n_bytes);
    sodium_memzero(read, n_read); /* it may have been a key */
    arena_clear(&arena);
    return n_read == n_bytes;
}

static bool has_null(const struct pg_rows *rows, int row)
{
    for (int column = 0; column < N_ENTRY_COLUMNS; column++)
        if (column != COLUMN_PAYLOAD && pg_is_null(rows, row, column))
            return true;
    return false;
}

bool entry_row_read(const struct pg_rows *rows, int row, struct arena *arena, struct entry *entry)
{
    bool ok = !has_null(rows, row);

    *entry = (struct entry){.number = pg_int(rows, row, COLUMN_NUMBER),
                            .topic = arena_copy_text(arena, pg_text(rows, row, COLUMN_TOPIC)),
                            .type = arena_copy_text(arena, pg_text(rows, row, COLUMN_TYPE)),
                            .source = arena_copy_text(arena, pg_text(rows, row, COLUMN_SOURCE)),
                            .subject = arena_copy_text(arena, pg_text(rows, row, COLUMN_SUBJECT)),
                            .seq = pg_int(rows, row, COLUMN_SEQ),
                            .occurred_at = pg_int(rows, row, COLUMN_OCCURRED),
                            .recorded_at = pg_int(rows, row, COLUMN_RECORDED)};
    if (!pg_is_null(rows, row, COLUMN_PAYLOAD))
        entry->payload = pg_bytes(rows, row, COLUMN_PAYLOAD, arena, &entry->n_payload);
    ok = uuid_read(pg_text(rows, row, COLUMN_OWNER), &entry->owner_id) && ok;
    ok = uuid_read(pg_text(rows, row, COLUMN_EVENT), &entry->event_id) && ok;
    ok = entry_row_read_bytes(rows, row, COLUMN_DIGEST, entry->digest, sizeof(entry->digest)) && ok;
    return entry_row_read_bytes(rows, row, COLUMN_HASH, entry->hash, sizeof(entry->hash)) && ok;
}
