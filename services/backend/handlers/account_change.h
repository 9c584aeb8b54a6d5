/* services/backend/handlers/account_change.h — one change of an account carried out: read it whole,
 * change it, save it with its event; again when someone else was first. */
#ifndef SERVICES_BACKEND_HANDLERS_ACCOUNT_CHANGE_H
#define SERVICES_BACKEND_HANDLERS_ACCOUNT_CHANGE_H

#include "services/backend/store/account_whole.h"

struct account_change;
struct app;

/** Change `change->account`, which then has the next version (domain/account.h), and say which channel
 *  is to be put or dropped; return whether there is anything to save, or set `err`. May run several
 *  times, each time on what was read anew. */
typedef bool account_change_fn(struct account_change *change, struct err *err);

/** A change under way; embedded in a flow. */
struct account_change {
    struct app *app;     /* borrowed, as is the arena */
    struct arena *arena; /* of all it reads and makes */
    struct uuid owner_id;
    const char *traceparent;
    account_change_fn *change;
    store_done_fn *done;
    void *arg;

    struct account account; /* as it is in the end, when it went well */
    int64_t now_ms;         /* of the try */
    const struct channel *put;
    const struct uuid *drop;

    /* inside */
    bool is_saved;
    int n_tries;
};

/** Begin, the members above filled in up to `arg`. `done` runs once, never before this has returned;
 *  its err: ERR_NOT_FOUND when the account is gone, that of `change`, ERR_UNAVAILABLE (slug "busy")
 *  when others were first all the time. */
void account_change_start(struct account_change *change);

#endif
