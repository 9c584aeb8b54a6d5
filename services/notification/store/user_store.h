/* services/notification/store/user_store.h — what a user's change asks for: his tasks hear of it, his
 * digests are planned. */
#ifndef SERVICES_NOTIFICATION_STORE_USER_STORE_H
#define SERVICES_NOTIFICATION_STORE_USER_STORE_H

#include "common/pg/pg.h"

/** $1 limit: id, version, time_zone, reminder_settings of users whose change is to be spread. */
extern const struct pg_statement USER_LIST_CHANGED;
/** $1 user, $2 version, $3 his next digest (NULL: none), $4 limit, $5 now: mark so many of his open
 *  tasks. One row, whether there are more; none when he changed meanwhile. A digest that is due
 *  already stays due. */
extern const struct pg_statement USER_SPREAD;

/** $1 now, $2 limit: when the next digest after now comes, then id, digest_next_at, time_zone,
 *  reminder_settings of users whose digest is due; one row of NULLs when there is none. */
extern const struct pg_statement DIGEST_LIST_DUE;
/** $1 user, $2 when the digest comes, $3 the end of its day: how many of his open tasks are due from
 *  then to the end, how many were before. */
extern const struct pg_statement DIGEST_COUNT;
/** $1 user, $2 his digest_next_at as read, $3 the one after, $4 delivery id, $5 day, $6 its end,
 *  $7 when it comes, $8 title (NULL: no digest). */
extern const struct pg_statement DIGEST_PLAN;

#endif
