/* services/audit/store/entry_row.h — the columns of an entry, for every statement that reads some. */
#ifndef SERVICES_AUDIT_STORE_ENTRY_ROW_H
#define SERVICES_AUDIT_STORE_ENTRY_ROW_H

#include "common/pg/pg.h"
#include "services/audit/domain/entry.h"

#define ENTRY_COLUMNS                                                                              \
    "owner_id, number, event_id, topic, type, source, subject, seq, occurred_at, recorded_at,"     \
    " payload, digest, hash"
enum { N_ENTRY_COLUMNS = 13 };

/** Read the first columns of a row, texts and payload into `arena`. Return false when one that every
 *  entry has is NULL, or a hash has another size than hashes have. */
bool entry_row_read(const struct pg_rows *rows, int row, struct arena *arena, struct entry *entry);

/** Copy bytea of exactly `n_bytes`; return false when the column is NULL or has another size. */
bool entry_row_read_bytes(const struct pg_rows *rows, int row, int column, unsigned char *bytes,
                          size_t n_bytes);

#endif
