#include "services/backend/task_sweep.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "services/backend/app.h"
#include "services/backend/domain/action_link.h"
#include "services/backend/store/notification_store.h"
#include "services/backend/store/task_purge.h"

enum { FIRST_ROUND_MS = 1000, AGAIN_MS = 20 };
static const int64_t HOUR_MS = 3600 * 1000;

enum step { TRASH, TOMBSTONES, REPLIES, NOTIFICATIONS, N_STEPS };
static const char *const step_names[N_STEPS] = {"trash", "tombstones", "replies", "notifications"};

struct task_sweep {
    struct app *app; /* borrowed */
    struct loop_timer *timer;
    struct arena arena; /* of the step that runs */
    enum step step;
    int64_t n_purged;          /* by the step that ran last */
    bool is_running, is_freed; /* freed while running: the answer releases it */
};

static store_done_fn on_swept;

static void sweep_some(void *arg)
{
    struct task_sweep *sweep = arg;
    const struct config *config = sweep->app->config;
    int64_t now_ms = clock_now_ms();
    struct store_call call = {sweep->app->service.pool, &sweep->arena, on_swept, sweep};

    sweep->is_running = true;
    if (sweep->step == TRASH)
        task_purge_trash(&call, now_ms - config->trash_days * 24 * HOUR_MS, now_ms, "",
                         &sweep->n_purged);
    else if (sweep->step == TOMBSTONES)
        task_purge_tombstones(&call, now_ms - config->tombstone_days * 24 * HOUR_MS,
                              &sweep->n_purged);
    else if (sweep->step == REPLIES)
        task_purge_replies(&call, now_ms - config->idempotency_hours * HOUR_MS,
                           now_ms - ACTION_KEPT_DAYS * 24 * HOUR_MS, &sweep->n_purged);
    else
        notification_store_purge(&call, now_ms - config->notification_days * 24 * HOUR_MS,
                                 &sweep->n_purged);
}

static void release(struct task_sweep *sweep)
{
    arena_clear(&sweep->arena);
    mem_free(sweep);
}

/* Log what was done, and go on with the same step while it finds something, else with the next. */
static int64_t take_stock(struct task_sweep *sweep, const struct err *err)
{
    const struct log *log = &sweep->app->service.log;
    const char *name = step_names[sweep->step];

    if (err != NULL)
        log_warn(log, "task_sweep_failed", KV("step", name), KV("err", err->text));
    else if (sweep->n_purged > 0)
        log_info(log, "task_sweep_done", KV("step", name), KV("count", sweep->n_purged));
    if (sweep->step == TRASH && sweep->n_purged > 0)
        service_wake_relay(&sweep->app->service);
    if (err == NULL && sweep->n_purged > 0)
        return AGAIN_MS;
    sweep->step = (sweep->step + 1) % N_STEPS;
    return sweep->step == TRASH ? (int64_t)sweep->app->config->purge_interval_s * 1000 : AGAIN_MS;
}

static void on_swept(void *arg, const struct err *err)
{
    struct task_sweep *sweep = arg;

    sweep->is_running = false;
    if (sweep->is_freed) {
        release(sweep);
        return;
    }
    arena_clear(&sweep->arena);
    loop_timer_start(sweep->timer, take_stock(sweep, err));
}

struct task_sweep *task_sweep_new(struct app *app)
{
    struct task_sweep *sweep = MEM_NEW(struct task_sweep);

    sweep->app = app;
    arena_init(&sweep->arena);
    sweep->timer = loop_timer_new(app->service.loop, sweep_some, sweep);
    loop_timer_start(sweep->timer, FIRST_ROUND_MS);
    return sweep;
}

void task_sweep_free(struct task_sweep *sweep)
{
    if (sweep == NULL)
        return;
    loop_timer_free(sweep->timer);
    sweep->is_freed = true;
    if (!sweep->is_running)
        release(sweep);
}
