/* services/audit/store/head_store.h — heads that are to be exported. */
#ifndef SERVICES_AUDIT_STORE_HEAD_STORE_H
#define SERVICES_AUDIT_STORE_HEAD_STORE_H

#include "services/audit/domain/head_line.h"
#include "services/audit/store/chain_store.h"

extern const struct pg_statement HEAD_TAKE_TURN, HEAD_LIST_DUE, HEAD_MARK, HEAD_FINISH;

struct head_turn {
    bool is_ours;   /* nobody else exports until the interval is over */
    int64_t age_ms; /* since an export was last finished, by whichever replica */
};

/** Ask whether an export is due, and take it: one replica gets it per `interval_ms`. */
void head_store_take_turn(struct pg_pool *pool, int interval_ms, struct head_turn *turn,
                          chain_done_fn *done, void *arg);

struct head_page {
    struct head_line *lines; /* in the arena: owner, number and hash alone */
    size_t n_lines;
    bool is_last;
};

/** Read the heads that moved since they were exported among the next ones behind `after`; move
 *  `after` ("": at the beginning). All borrowed until `done`. */
void head_store_list_due(struct pg_pool *pool, struct arena *arena, struct uuid *after,
                         struct head_page *page, chain_done_fn *done, void *arg);

/** Note that the page's heads are in the file. */
void head_store_mark(struct pg_pool *pool, struct arena *arena, const struct head_page *page,
                     chain_done_fn *done, void *arg);

/** Note that all heads are. */
void head_store_finish(struct pg_pool *pool, chain_done_fn *done, void *arg);

#endif
