/* common/pg/pg.h — PostgreSQL without blocking: a pool of libpq connections in pipeline mode.
 *
 * Every call sends one named statement and its own Sync, so that it is a transaction of its own
 * and an error stays with it; calls of many requests share a connection's pipeline. What must
 * commit together is one statement (CTEs). Source: PostgreSQL 15, "Pipeline Mode". */
#ifndef COMMON_PG_PG_H
#define COMMON_PG_PG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"

struct log;
struct loop;
struct metrics;
struct pg_pool;
struct pg_rows; /* a result; borrowed within the callback */

enum { PG_PARAMS_MAX = 64 };

/** A statement; its name is unique in the process. Prepared at connect, on every connection. */
struct pg_statement {
    const char *name;
    const char *sql;
};

/** Parameters in text form; cast in the SQL where PostgreSQL cannot infer ($1::uuid). NULL is NULL. */
struct pg_params {
    const char *values[PG_PARAMS_MAX];
    int n_values;
    struct arena *arena; /* numbers are formatted into it */
};
void pg_params_init(struct pg_params *params, struct arena *arena);
void pg_add_text(struct pg_params *params, const char *value); /* borrowed; NULL is NULL */
void pg_add_int(struct pg_params *params, int64_t value);
void pg_add_bool(struct pg_params *params, bool value);
void pg_add_time(struct pg_params *params, int64_t at); /* ms → timestamptz text; 0 is NULL */
void pg_add_texts(struct pg_params *params, const char *const *items, size_t n_items); /* text[] */
void pg_add_bytes(struct pg_params *params, const void *bytes,
                  size_t n_bytes); /* bytea, hex form */

struct pg_config {
    int connections;
    int limit_ms;     /* of one statement, waiting for a connection included */
    int pipeline_max; /* calls in flight on one connection; 0: 64 */
    int waiting_max;  /* calls waiting for room; beyond it ERR_UNAVAILABLE at once; 0: 4096 */
    const struct pg_statement *const
        *statements; /* all that will ever be called, NULL-terminated */
    bool plans_once; /* a statement's plan is kept on its connection and fits all values: planning
                        it for each call's may cost more than running it. Not where a parameter
                        that is NULL decides the way (plan_cache_mode) */
    struct loop *loop;
    struct metrics *metrics; /* pool gauges, a histogram per statement; may be NULL */
    const struct log *log;
};

/** A pool without a URL: calls wait (up to their limit) until pg_pool_set_url. */
struct pg_pool *pg_pool_new(const struct pg_config *config);
/** Connect, or when the URL differs from the present one: new calls use new connections, the old
 *  ones end after their last answer (a rotated password loses no request). Retried with backoff
 *  and jitter for ever while the server is away. */
void pg_pool_set_url(struct pg_pool *pool, const char *url);
bool pg_pool_is_ready(const struct pg_pool *pool); /* at least one connection works */
void pg_pool_free(struct pg_pool *pool);           /* running calls get ERR_UNAVAILABLE first */

/** Receive the rows, or `err`: ERR_TIMEOUT, ERR_UNAVAILABLE (connection lost: whether it committed
 *  is not known; also serialization, deadlock, shutdown, too many connections), ERR_CONFLICT
 *  (unique, foreign key or exclusion violation; slug is PG_UNIQUE_VIOLATION for unique and text ends with the
 *  constraint's name), ERR_INVALID (class 22), else ERR_INTERNAL with the SQLSTATE. */
typedef void pg_done_fn(void *arg, const struct pg_rows *rows, const struct err *err);
extern const char PG_UNIQUE_VIOLATION[];

/** Run `statement`, which must be in the pool's list. Borrow params until return. Call `done` once,
 *  never before returning. A statement that outlives the limit is cancelled at the server
 *  (statement_timeout is set to the limit at connect). */
void pg_query(struct pg_pool *pool, const struct pg_statement *statement,
              const struct pg_params *params, pg_done_fn *done, void *arg);

/** The same for a statement that only reads and finds what it reads by key, in no time: lookups of one
 *  turn of the event loop share a connection and a transaction, which halves their cost. A failed
 *  one costs the others nothing: they are sent again. Not for what may take long, since those behind
 *  it wait, and not for what writes or locks. */
void pg_lookup(struct pg_pool *pool, const struct pg_statement *statement,
               const struct pg_params *params, pg_done_fn *done, void *arg);

/** Return the name of the violated constraint in an ERR_CONFLICT of pg_query, "" if none. */
const char *pg_err_constraint(const struct err *err);

/* Rows: text form; copy what you keep. Columns count from 0. */
int pg_n_rows(const struct pg_rows *rows);
long pg_n_affected(const struct pg_rows *rows);
bool pg_is_null(const struct pg_rows *rows, int row, int column);
const char *pg_text(const struct pg_rows *rows, int row, int column); /* "" when null */
char *pg_copy_text(const struct pg_rows *rows, int row, int column,
                   struct arena *arena);                         /* NULL when null */
int64_t pg_int(const struct pg_rows *rows, int row, int column); /* 0 when null */
bool pg_bool(const struct pg_rows *rows, int row, int column);
int64_t pg_time(const struct pg_rows *rows, int row,
                int column); /* timestamptz (UTC) → ms; 0 when null */
/** Decode bytea into the arena. */
unsigned char *pg_bytes(const struct pg_rows *rows, int row, int column, struct arena *arena,
                        size_t *n_bytes);
/** Decode text[] into the arena. */
const char **pg_texts(const struct pg_rows *rows, int row, int column, struct arena *arena,
                      size_t *n_items);

#endif
