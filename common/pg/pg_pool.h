/* common/pg/pg_pool.h — what the files of this folder share about a pool: its sets, connections
 * and calls. Nobody else includes it; pg.h is the manual. */
#ifndef COMMON_PG_PG_POOL_H
#define COMMON_PG_PG_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libpq-fe.h>

#include "common/pg/pg.h"

struct event;
struct metrics_series;
struct pg_pool;
struct pg_set;

/** What is kept per statement; found by the address of the statement. */
struct pg_known {
    const struct pg_statement *statement; /* NULL: an empty slot */
    struct metrics_series *seconds;
};

/** Parameters that outlive pg_query because their call waits for room. */
struct pg_saved_params {
    int n_values;
    const char *values[];
};

enum { PG_LOOKUPS_MAX = 8 }; /* that share a Sync */

struct pg_call {
    struct pg_call *next;
    const struct pg_known *known; /* NULL: no call, but a Sync in the queue */
    pg_done_fn *done;             /* NULL: given up at its deadline, its answer is ignored */
    void *arg;
    int64_t began_us;
    struct pg_saved_params *saved; /* owned; NULL once sent, unless it may be sent again */
    bool is_lookup;                /* sent without a Sync of its own */
};

/** A queue of calls. All calls of a pool have the same limit, so it is in order of deadline too. */
struct pg_calls {
    struct pg_call *first, *last;
    int n_entries;
};
void pg_calls_add(struct pg_calls *calls, struct pg_call *call);
struct pg_call *pg_calls_take(struct pg_calls *calls); /* the first; NULL when empty */

enum pg_conn_state {
    PG_CONN_CLOSED,
    PG_CONN_CONNECTING, /* PQconnectPoll has not ended */
    PG_CONN_PREPARING,  /* settings and statements are sent, not all are answered */
    PG_CONN_READY,
};

struct pg_conn {
    struct pg_set *set; /* borrowed */
    PGconn *pg;         /* owned; NULL when closed */
    enum pg_conn_state state;
    struct event *readable, *writable; /* owned; NULL when closed */
    struct pg_calls calls;             /* sent, in the order of their answers; Syncs between */
    int n_calls;                       /* of these, without the Syncs */
    PGresult *answer;                  /* of calls.first; its Sync has not come yet */
    int n_prepared;                    /* answers seen while preparing */
    int n_open;                        /* lookups sent whose Sync is not */
    int n_syncs;                       /* sent in this turn of the loop */
    bool has_sent, is_corked, is_broken;
    const char *why;    /* it is broken; NULL: libpq says it */
    int64_t give_up_us; /* while connecting or preparing */
};

/** The connections of one URL. */
struct pg_set {
    struct pg_set *next; /* among the retired */
    struct pg_pool *pool;
    char *url;
    struct pg_conn *conns;
    int n_conns;
    int n_failures;   /* to connect, in a row */
    int64_t retry_us; /* no attempt before */
};

struct pg_pool {
    struct pg_config config;
    struct pg_set *current; /* takes new calls; NULL: no URL yet */
    struct pg_set *coming;  /* of a new URL: current once one of its connections works */
    struct pg_set *retired; /* of old URLs: end after their last answer */
    struct pg_calls waiting, refused, again;
    struct pg_call *free_calls; /* spare structs */
    int n_free_calls;
    struct pg_known *known; /* open addressing, a power of two */
    size_t n_known;
    int n_statements;
    struct event *turn, *tick; /* owned; the end of this turn of the loop, and the coarse timer */
    bool is_turn_planned, is_tick_planned;
    int is_calling_back; /* depth of done callbacks */
    uint32_t jitter;
    int n_ready_seen; /* for the log: connections at the last change */
    struct metrics_series *ready_gauge, *waiting_gauge, *running_gauge, *lost_counter;
};

/** Have the end of this turn of the loop send, flush, open and close what there is. */
void pg_pool_plan_turn(struct pg_pool *pool);

/* pg_call.c */
/** Return the slot of a statement in the pool's table, or the empty one where it belongs. */
size_t pg_pool_slot(const struct pg_pool *pool, const struct pg_statement *statement);
struct pg_call *pg_call_new(struct pg_pool *pool, const struct pg_statement *statement,
                            pg_done_fn *done, void *arg);
struct pg_call *pg_call_new_sync(struct pg_pool *pool);
void pg_call_free(struct pg_pool *pool, struct pg_call *call);
void pg_call_save_params(struct pg_call *call, const struct pg_params *params);
/** Answer a call and free it. */
void pg_call_end(struct pg_pool *pool, struct pg_call *call, PGresult *result,
                 const struct err *err);
/** Answer a call at its deadline; it stays where it is. */
void pg_call_give_up(struct pg_pool *pool, struct pg_call *call);
/** Have a call that the server skipped sent once more, with a Sync of its own. */
void pg_call_send_again(struct pg_pool *pool, struct pg_call *call);

/* pg_connect.c */
void pg_conn_open(struct pg_conn *conn);
void pg_conn_read_prepared(struct pg_conn *conn);

/* pg_conn.c */
void pg_conn_set_state(struct pg_conn *conn, enum pg_conn_state state);
void pg_conn_watch(struct pg_conn *conn); /* for answers, from the end of connecting on */
void pg_conn_unwatch(struct pg_conn *conn);
/** Copy a message of libpq, which ends in a newline and may have several lines, as one line. */
void pg_copy_line(char *to, size_t size, const char *from);
/** Queue one call; a failure shows as is_broken, at the turn's end. Take the call. */
void pg_conn_send(struct pg_conn *conn, struct pg_call *call, const char *const *values,
                  int n_values);
void pg_conn_flush(struct pg_conn *conn); /* at the turn's end */
void pg_conn_close(struct pg_conn *conn); /* without calls */
/** Close and fail its calls with ERR_UNAVAILABLE, `why` in the text; plan the next attempt. */
void pg_conn_lose(struct pg_conn *conn, const char *why);

/* pg_set.c */
struct pg_set *pg_set_new(struct pg_pool *pool, const char *url);
void pg_set_free(struct pg_set *set);            /* without calls; NULL is fine */
bool pg_set_has_ready(const struct pg_set *set); /* NULL: no */
int pg_set_count_ready(const struct pg_set *set);
int pg_set_count_calls(const struct pg_set *set);
/** Open what is closed; while none works, try one alone, so that a server that is away or refuses
 *  the password is not asked by all at once. */
void pg_set_open(struct pg_set *set, int64_t now_us);
/** Flush what was sent, lose what broke. A loss answers calls, and these may send again. */
void pg_set_settle(struct pg_set *set);
/** Give up calls past their limit; lose connections that stay silent beyond a grace. */
void pg_set_check(struct pg_set *set, int64_t now_us);

/* pg_err.c */
/** Fill `err` from a failed result. Return whether the connection must not be used further. */
bool pg_err_set_result(struct err *err, const PGresult *result);

/* pg_rows.c */
struct pg_rows {
    PGresult *result; /* borrowed; never changed, but PQcmdTuples takes no const */
};

#endif
