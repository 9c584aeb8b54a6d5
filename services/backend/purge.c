#include "services/backend/purge.h"

#include "common/base/mem.h"
#include "services/backend/app.h"
#include "services/backend/store/purge_store.h"

/* A round runs the steps one after the other, each until it deletes nothing more or had its share;
 * the rest waits for the next round. */

enum { FIRST_ROUND_MS = 60000, SHARE = 1000 };

static const struct pg_statement *const steps[] = {
    &PURGE_REMOVED_ACCOUNT, &PURGE_SESSIONS,         &PURGE_REFRESH_TOKENS,
    &PURGE_API_TOKENS,      &PURGE_SIGN_IN_FAILURES,
};
enum { N_STEPS = sizeof(steps) / sizeof(steps[0]) };

struct purge {
    struct app *app;
    struct loop_timer *timer;
    struct arena arena;
    bool is_running, is_woken;
    bool is_ending; /* freed by the last callback */
    size_t step;
    int n_runs; /* of the present step in this round */
    int64_t n_rows;
};

static pg_done_fn on_purged;

static void run_step(struct purge *purge)
{
    struct pg_params params;

    pg_params_init(&params, &purge->arena);
    pg_query(purge->app->service.pool, steps[purge->step], &params, on_purged, purge);
}

static void begin_round(void *arg)
{
    struct purge *purge = arg;

    if (purge->is_running) {
        purge->is_woken = true;
        return;
    }
    purge->is_running = true;
    purge->is_woken = false;
    purge->step = 0;
    purge->n_runs = 0;
    purge->n_rows = 0;
    run_step(purge);
}

static void end_round(struct purge *purge, const struct err *err)
{
    const struct log *log = &purge->app->service.log;

    purge->is_running = false;
    arena_clear(&purge->arena);
    if (err != NULL)
        log_warn(log, "purge_failed", KV("step", steps[purge->step]->name),
                 KV("err", (const char *)err->text));
    else if (purge->n_rows > 0)
        log_info(log, "purge_ended", KV("rows", purge->n_rows));
    loop_timer_start(purge->timer,
                     purge->is_woken ? 0 : (int64_t)purge->app->config->purge_interval_s * 1000);
}

static void free_all(struct purge *purge)
{
    loop_timer_free(purge->timer);
    arena_clear(&purge->arena);
    mem_free(purge);
}

static void on_purged(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct purge *purge = arg;
    int64_t n_rows = err == NULL ? pg_int(rows, 0, 0) : 0;

    if (purge->is_ending) {
        free_all(purge);
        return;
    }
    if (err != NULL) {
        end_round(purge, err);
        return;
    }
    purge->n_rows += n_rows;
    if (n_rows == 0 || ++purge->n_runs == SHARE) {
        purge->step++;
        purge->n_runs = 0;
    }
    if (purge->step == N_STEPS)
        end_round(purge, NULL);
    else
        run_step(purge);
}

struct purge *purge_new(struct app *app)
{
    struct purge *purge = MEM_NEW(struct purge);
    int64_t interval_ms = (int64_t)app->config->purge_interval_s * 1000;

    purge->app = app;
    arena_init(&purge->arena);
    purge->timer = loop_timer_new(app->service.loop, begin_round, purge);
    loop_timer_start(purge->timer, interval_ms < FIRST_ROUND_MS ? interval_ms : FIRST_ROUND_MS);
    return purge;
}

void purge_wake(struct purge *purge)
{
    begin_round(purge);
}

void purge_free(struct purge *purge)
{
    if (purge == NULL)
        return;
    purge->is_ending = true;
    loop_timer_stop(purge->timer);
    if (!purge->is_running)
        free_all(purge);
}
