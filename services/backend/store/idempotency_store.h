/* services/backend/store/idempotency_store.h — the replies that are kept for repeated requests. A
 * change keeps its reply in its own statement (task_store.h); here is the rest. */
#ifndef SERVICES_BACKEND_STORE_IDEMPOTENCY_STORE_H
#define SERVICES_BACKEND_STORE_IDEMPOTENCY_STORE_H

#include "common/base/uuid.h"
#include "common/pg/pg.h"
#include "services/backend/domain/idempotency.h"
#include "services/backend/store/store_call.h"

extern const struct pg_statement IDEMPOTENCY_KEEP;

#define IDEMPOTENCY_PRIMARY_KEY "idempotency_pkey" /* as the error of a lost race names it */
#define IDEMPOTENCY_COLUMNS "i.request_hash, i.status, i.task_id, i.version, i.body"
enum { IDEMPOTENCY_N_COLUMNS = 5 };

/** Read IDEMPOTENCY_COLUMNS, which begin at column `first` and are null when there is no row. */
void idempotency_row_read(const struct pg_rows *rows, int row, int first, struct arena *arena,
                          struct idempotency_reply *reply);

/** Keep `*reply` for `key` unless there is one already, which is then put into `*reply`; is_there
 *  says whether. For a request that changes nothing, and for a batch as a whole. Fail with
 *  ERR_UNAUTHENTICATED when the account was deleted: then nothing is kept. */
void idempotency_keep(const struct store_call *call, const struct uuid *owner_id,
                      const struct idempotency *key, int64_t now_ms,
                      struct idempotency_reply *reply);

#endif
