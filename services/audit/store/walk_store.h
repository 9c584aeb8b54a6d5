/* services/audit/store/walk_store.h — everything once, in pages, for verification. */
#ifndef SERVICES_AUDIT_STORE_WALK_STORE_H
#define SERVICES_AUDIT_STORE_WALK_STORE_H

#include "services/audit/domain/head_line.h"
#include "services/audit/domain/seq_walk.h"
#include "services/audit/domain/walk.h"
#include "services/audit/store/chain_store.h"

extern const struct pg_statement WALK_ENTRIES, WALK_LONE_HEADS, WALK_SEQS, WALK_LINES;

/** Where a page begins: behind this place. All zero: at the beginning. */
struct walk_place {
    struct uuid owner_id;
    int64_t seq, number;
};

/** Receive the number of rows of a page, 0 at the end; they were handed over before. */
typedef void walk_page_fn(void *arg, int n_rows, const struct err *err);

/** Hand the next entries to `walk` and move `place`; a page has at most about 4 MiB of payload. */
void walk_store_entries(struct pg_pool *pool, struct walk *walk, struct walk_place *place,
                        walk_page_fn *done, void *arg);

/** Look at the next heads and report those that have no entry at all though they count some. */
void walk_store_lone_heads(struct pg_pool *pool, struct findings *findings,
                           struct walk_place *place, walk_page_fn *done, void *arg);

/** A source that counts its events without a gap, and the topics that have all of them. */
enum { WALK_TOPICS_MAX = 4 };
struct walk_source {
    const char *source;
    const char *topics[WALK_TOPICS_MAX + 1]; /* NULL ends */
};

/** Hand the next numbers of `source` to `walk`. */
void walk_store_seqs(struct pg_pool *pool, const struct walk_source *source, struct seq_walk *walk,
                     struct walk_place *place, walk_page_fn *done, void *arg);

enum { WALK_LINES_MAX = 500 };
struct walk_lines {
    struct head_line items[WALK_LINES_MAX];
    size_t n_items;
};

/** Hold exported heads against the chains: report those that are not on them. */
void walk_store_lines(struct pg_pool *pool, const struct walk_lines *lines,
                      struct findings *findings, walk_page_fn *done, void *arg);

#endif
