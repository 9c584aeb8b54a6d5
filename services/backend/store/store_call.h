/* services/backend/store/store_call.h — what every call of a store needs beside its own parameters. */
#ifndef SERVICES_BACKEND_STORE_STORE_CALL_H
#define SERVICES_BACKEND_STORE_STORE_CALL_H

#include "common/base/arena.h"
#include "common/base/err.h"

struct pg_pool;

/** Receive the outcome; `err`, when set, is that of pg_query unless the call says otherwise. */
typedef void store_done_fn(void *arg, const struct err *err);

/** All is borrowed until `done`, which runs once, never before the call returns. What is read goes
 *  into the arena. */
struct store_call {
    struct pg_pool *pool;
    struct arena *arena;
    store_done_fn *done;
    void *arg;
};

#endif
