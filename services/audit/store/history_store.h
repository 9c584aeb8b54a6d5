/* services/audit/store/history_store.h — an owner's entries, newest first, in pages. */
#ifndef SERVICES_AUDIT_STORE_HISTORY_STORE_H
#define SERVICES_AUDIT_STORE_HISTORY_STORE_H

#include "services/audit/store/chain_store.h"

extern const struct pg_statement HISTORY_OF_OWNER, HISTORY_OF_SUBJECT;

struct history_query {
    struct uuid owner_id;
    struct uuid task_id; /* "": any */
    int64_t before;      /* a number: only older entries */
    int limit;
};

struct history_page {
    struct entry *entries; /* in the arena, payloads as stored */
    size_t n_entries;
    bool has_more;
    bool has_key;
    unsigned char key[PAYLOAD_KEY_BYTES]; /* wipe it after use */
};

/** Read one page: what happened to the owner's tasks and account, without dead letters. A page also
 *  ends after about 256 KiB of payload. All borrowed until `done`, which runs once. */
void history_store_list(struct pg_pool *pool, struct arena *arena,
                        const struct history_query *query, struct history_page *page,
                        chain_done_fn *done, void *arg);

#endif
