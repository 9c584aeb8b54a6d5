/* services/backend/store/task_purge.h — what of the tasks has had its time: the trash, tombstones and
 * kept replies. Each call is one bounded statement that waits for no one (SKIP LOCKED). */
#ifndef SERVICES_BACKEND_STORE_TASK_PURGE_H
#define SERVICES_BACKEND_STORE_TASK_PURGE_H

#include <stdint.h>

#include "common/pg/pg.h"
#include "services/backend/store/store_call.h"

extern const struct pg_statement TASK_PURGE_TRASH, TASK_PURGE_TOMBSTONES, TASK_PURGE_REPLIES;

enum { TASK_PURGE_STEP = 200 };

/** Purge up to TASK_PURGE_STEP tasks that were put into the trash before `before`, each with a seq,
 *  its two events and a tombstone. `*n_purged` gets how many. */
void task_purge_trash(const struct store_call *call, int64_t before, int64_t now_ms,
                      const char *traceparent, int64_t *n_purged);

/** Forget up to TASK_PURGE_STEP tombstones from before `before`, and raise their owners' sync_floor. */
void task_purge_tombstones(const struct store_call *call, int64_t before, int64_t *n_purged);

/** Delete up to TASK_PURGE_STEP replies that were kept before `before`; those of links in mails before
 *  `links_before`: that a link was used is known as long as it is valid. */
void task_purge_replies(const struct store_call *call, int64_t before, int64_t links_before,
                        int64_t *n_purged);

#endif
