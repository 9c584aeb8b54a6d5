/* services/notification/store/lease_store.h — the processes that send, and what a dead one left. */
#ifndef SERVICES_NOTIFICATION_STORE_LEASE_STORE_H
#define SERVICES_NOTIFICATION_STORE_LEASE_STORE_H

#include "common/pg/pg.h"

/** $1 our id: count one beat; id and beats of every other process, 0 of one that has claims alone. */
extern const struct pg_statement LEASE_BEAT;
/** $1 id of a process, $2 its beats as seen last, $3 now, $4 reason, $5 limit: give back so many of its
 *  claims and close their attempts; forget the process when it has none. Return how many: run it until
 *  that is 0. */
extern const struct pg_statement LEASE_TAKE_OVER;
/** $1 our id: we end, and have no claims. */
extern const struct pg_statement LEASE_END;

#endif
