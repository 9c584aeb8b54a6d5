/* tests/service/support/pool.h — a pool against a real PostgreSQL behind a proxy, and what became of
 * each of its calls. */
#ifndef TESTS_SERVICE_SUPPORT_POOL_H
#define TESTS_SERVICE_SUPPORT_POOL_H

#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/net/loop.h"
#include "common/pg/pg.h"
#include "tests/service/support/database.h"

extern const struct pg_statement POOL_ECHO, POOL_DIVIDE, POOL_ADD_THING, POOL_ADD_PART,
    POOL_ADD_LATE, POOL_LIST_THINGS, POOL_NAP, POOL_WHO;

/* Limits of a statement: one that a test waits for, which the calls after it must not reach; and one
 * that is not reached, however busy the machine. */
enum { POOL_SHORT_MS = 1500, POOL_LONG_MS = 90000 };

struct pool_fixture {
    struct loop *loop;
    struct proxy *proxy;
    struct pg_pool *pool;
    struct metrics *metrics;
    int n_connections;
    struct arena arena;
    struct log log;
};

/** What became of one call. */
struct outcome {
    int n_done;
    struct err err; /* code is ERR_NONE when it worked */
    int64_t number; /* row 0, column 0 */
    char text[64];
};

int pool_set_up(void **state);
int pool_tear_down(void **state);

/** Make the pool, without a URL. */
void pool_new(struct pool_fixture *f, int connections, int limit_ms, int waiting_max);
/** Make it and wait until all connections to the proxy work. */
void pool_open(struct pool_fixture *f, int connections, int limit_ms, int waiting_max);
void pool_set_url(struct pool_fixture *f); /* of pool_a, through the proxy */
void pool_wait_ready(struct pool_fixture *f);

pg_done_fn pool_on_done; /* arg is a struct outcome */
bool pool_is_outcome(void *arg);

/** Call with up to two parameters. */
void pool_ask(struct pool_fixture *f, const struct pg_statement *statement, const char *a,
              const char *b, struct outcome *o);
void pool_ask_and_wait(struct pool_fixture *f, const struct pg_statement *statement, const char *a,
                       const char *b, struct outcome *o);
#endif
