/* services/recurring-task/store/series_store.h — the table series: claim what is due to be decided,
 * and settle what was decided. */
#ifndef SERVICES_RECURRING_TASK_STORE_SERIES_STORE_H
#define SERVICES_RECURRING_TASK_STORE_SERIES_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "common/pg/pg.h"
#include "services/recurring-task/domain/decision.h"

enum {
    SERIES_CLAIM_MAX = 100,
    SERIES_LEASE_MS = 10000, /* who has claimed and settles nothing so long is gone */
};

/** What a claim found. */
struct series_claim {
    struct series *series; /* in the arena */
    size_t n_series;
    int64_t next_at;  /* when another one is due; 0: none */
    int64_t n_faulty; /* series in all that cannot be decided */
};

extern const struct pg_statement SERIES_CLAIM, SERIES_SETTLE;

/** Claim up to SERIES_CLAIM_MAX series that are due at `now_ms` and that nobody else works on. `done`
 *  reads the rows with series_store_read_claim. */
void series_store_claim(struct pg_pool *pool, int64_t now_ms, struct arena *arena, pg_done_fn *done,
                        void *arg);
void series_store_read_claim(const struct pg_rows *rows, struct arena *arena,
                             struct series_claim *claim);

/** A series, and what was decided about it. */
struct series_settled {
    const struct series *series;
    struct decision decision;
    const char *fault; /* why nothing could be decided; NULL: it could */
};
struct series_settling {
    const struct series_settled *settled;
    size_t n_settled;
    int64_t now_ms;
    const char *traceparent; /* of the events */
};

/** Note the decisions on series that have not changed since their claim, and put the events of what is
 *  due into the outbox, all in one transaction. The only row has how many events that made. */
void series_store_settle(struct pg_pool *pool, const struct series_settling *settling,
                         struct arena *arena, pg_done_fn *done, void *arg);

#endif
