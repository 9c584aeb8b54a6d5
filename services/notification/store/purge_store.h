/* services/notification/store/purge_store.h — what the ledger keeps no longer. */
#ifndef SERVICES_NOTIFICATION_STORE_PURGE_STORE_H
#define SERVICES_NOTIFICATION_STORE_PURGE_STORE_H

#include "common/pg/pg.h"

/** $1 an instant, $2 limit: delete so many deliveries that have ended and whose instant and last try
 *  were before it, with their attempts. Return how many. */
extern const struct pg_statement PURGE_DELIVERIES;

#endif
