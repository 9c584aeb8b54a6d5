#include "services/backend/handlers/account_change.h"

#include "common/base/clock.h"
#include "services/backend/app.h"
#include "services/backend/auth/token_cache.h"

enum { TRIES_MAX = 16 };

static store_done_fn on_loaded, on_saved;

void account_change_start(struct account_change *change)
{
    const struct store_call call = {change->app->service.pool, change->arena, on_loaded, change};

    account_whole_get(&call, &change->owner_id, &change->account);
}

static void save(struct account_change *change)
{
    const struct store_call call = {change->app->service.pool, change->arena, on_saved, change};
    const struct account_write write = {&change->account, change->put, change->drop};
    struct buf data;

    buf_init(&data);
    account_write_event(&change->account, 0, &data);
    const struct account_event event = {buf_text(&data), change->traceparent, change->now_ms};

    account_whole_save(&call, &write, &event, &change->is_saved);
    buf_clear(&data);
}

static void on_loaded(void *arg, const struct err *err)
{
    struct account_change *change = arg;
    struct err refusal = {0};

    if (err != NULL) {
        change->done(change->arg, err);
        return;
    }
    change->now_ms = clock_now_ms();
    change->put = NULL;
    change->drop = NULL;
    if (change->change(change, &refusal))
        save(change);
    else
        change->done(change->arg, err_is_set(&refusal) ? &refusal : NULL);
}

/* Someone else changed it between reading and saving: read again. */
static void on_saved(void *arg, const struct err *err)
{
    struct account_change *change = arg;
    struct err busy = {0};

    if (err == NULL && !change->is_saved && ++change->n_tries < TRIES_MAX) {
        account_change_start(change);
        return;
    }
    if (err == NULL && !change->is_saved) {
        err_set_slug(&busy, ERR_UNAVAILABLE, "busy", "the account keeps changing; try again");
        err = &busy;
    }
    if (err == NULL) { /* what the cache knows of the user may have changed */
        token_cache_drop_user(change->app->tokens, &change->owner_id, NULL);
        service_wake_relay(&change->app->service);
    }
    change->done(change->arg, err);
}
