/* services/audit/store/chain_store.h — the owners' heads and payload keys, and their entries. */
#ifndef SERVICES_AUDIT_STORE_CHAIN_STORE_H
#define SERVICES_AUDIT_STORE_CHAIN_STORE_H

#include "services/audit/domain/payload.h"
#include "services/audit/store/append_sql.h"

extern const struct pg_statement CHAIN_OPEN, CHAIN_APPEND, CHAIN_ERASE;

/** What sealing needs to know of an owner. */
struct chain {
    struct uuid owner_id;
    unsigned char key[PAYLOAD_KEY_BYTES]; /* before: 32 random bytes; after: the owner's key */
    bool is_erased;                       /* the account was deleted: there is no key */
};

typedef void chain_done_fn(void *arg, const struct err *err);

/** Fill `chain`, making head and key (the one that is proposed) if the owner has none. All borrowed
 *  until `done`, which runs once, never before returning. */
void chain_store_open(struct pg_pool *pool, struct arena *arena, struct chain *chain,
                      chain_done_fn *done, void *arg);

/** Append one entry to its owner's chain, once. ERR_UNAVAILABLE when its payload no longer fits the
 *  account's state: open and seal again. All borrowed until `done`. */
void chain_store_append(struct pg_pool *pool, struct arena *arena, struct append *append,
                        chain_done_fn *done, void *arg);

/** Append the entry of an account's deletion, which has no payload, and destroy the owner's key. */
void chain_store_erase(struct pg_pool *pool, struct arena *arena, struct append *append,
                       chain_done_fn *done, void *arg);

#endif
