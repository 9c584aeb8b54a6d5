/* services/backend/store/purge_store.h — what has expired, deleted a bounded number at a time. Each
 * statement answers how many rows it deleted; SKIP LOCKED lets replicas purge side by side. */
#ifndef SERVICES_BACKEND_STORE_PURGE_STORE_H
#define SERVICES_BACKEND_STORE_PURGE_STORE_H

#include "common/pg/pg.h"

extern const struct pg_statement PURGE_SESSIONS, PURGE_REFRESH_TOKENS, PURGE_API_TOKENS,
    PURGE_SIGN_IN_FAILURES, PURGE_REMOVED_ACCOUNT;

#endif
