/* services/backend/store/account_row.h — the columns of an account, and the row of an event about it. */
#ifndef SERVICES_BACKEND_STORE_ACCOUNT_ROW_H
#define SERVICES_BACKEND_STORE_ACCOUNT_ROW_H

#include "common/pg/pg.h"
#include "services/backend/domain/account.h"

struct account_event;

#define ACCOUNT_COLUMNS                                                                            \
    "a.id, a.email, a.name, a.time_zone, a.version, a.created_at, a.updated_at, "                  \
    "a.password_hash, a.credentials"
enum { ACCOUNT_N_COLUMNS = 9 };

/** Read ACCOUNT_COLUMNS, which are the first columns of the first row; texts into the arena. */
void account_row_read(const struct pg_rows *rows, struct arena *arena, struct account *account);

/* $1 to $4 are the event's: id, time, traceparent, data */
#define ACCOUNT_EVENT_ROW(owner, topic, id, type)                                                   \
    "INSERT INTO outbox (id, topic, type, subject, owner_id, seq, occurred_at, traceparent, data) " \
    "SELECT " id "::uuid, '" topic "', '" type "', " owner ".id::text, " owner ".id, " owner        \
    ".seq, $2::timestamptz, $3, $4 FROM " owner

/** Add these four. */
void account_row_add_event(struct pg_params *params, const struct account_event *event);

#endif
