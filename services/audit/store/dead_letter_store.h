/* services/audit/store/dead_letter_store.h — what consumers could not handle, until it is replayed. */
#ifndef SERVICES_AUDIT_STORE_DEAD_LETTER_STORE_H
#define SERVICES_AUDIT_STORE_DEAD_LETTER_STORE_H

#include "services/audit/store/chain_store.h"

extern const struct pg_statement DEAD_LETTER_KEEP, DEAD_LETTER_REPLAY, DEAD_LETTER_ERASE,
    DEAD_LETTER_LIST, DEAD_LETTER_GET;

/** One kept letter. Texts are borrowed when it is kept, in the arena when it is read. */
struct kept_letter {
    int64_t position; /* in order of first arrival */
    struct uuid id, owner_id;
    const char *consumer;             /* "unknown": the sidecar's backstop does not say */
    const char *topic;                /* "": not known */
    const char *type;                 /* of the original; "": not known */
    struct uuid event_id;             /* of the original; "": it could not be read */
    const char *reason;               /* NULL: erased */
    const char *event;                /* the original, unchanged; NULL: erased, or not JSON */
    const char *event_b64;            /* the original in base64 when it is not JSON */
    int64_t received_at, replayed_at; /* the last time each; 0: never */
    int64_t arrivals, replays;
};

struct kept_letters {
    struct kept_letter *items;
    size_t n_items;
};

/** Append the letter's entry and keep the letter. One that comes again counts as received again: its
 *  consumer failed once more, or the broker repeated it; which of both is not known. */
void dead_letter_store_keep(struct pg_pool *pool, struct arena *arena, struct append *append,
                            const struct kept_letter *letter, chain_done_fn *done, void *arg);

/** Append the entry of a replay and mark the letter, as it was read, as replayed: one that came again
 *  since then stays open. */
void dead_letter_store_replay(struct pg_pool *pool, struct arena *arena, struct append *append,
                              const struct kept_letter *letter, chain_done_fn *done, void *arg);

/** Forget the content of an owner's letters, but for those that tell of the account's deletion. */
void dead_letter_store_erase(struct pg_pool *pool, struct arena *arena, const struct uuid *owner_id,
                             chain_done_fn *done, void *arg);

struct letter_query {
    bool is_open_only;    /* received since they were last replayed */
    bool is_whole_only;   /* the original could be read, and was not erased */
    const char *consumer; /* NULL: any */
    int64_t after;        /* position; 0: from the beginning */
    int limit;
};

/** List by position; without event and event_b64. */
void dead_letter_store_list(struct pg_pool *pool, struct arena *arena,
                            const struct letter_query *query, struct kept_letters *letters,
                            chain_done_fn *done, void *arg);

/** Read one whole; ERR_NOT_FOUND. */
void dead_letter_store_get(struct pg_pool *pool, struct arena *arena, const struct uuid *id,
                           struct kept_letter *letter, chain_done_fn *done, void *arg);

#endif
