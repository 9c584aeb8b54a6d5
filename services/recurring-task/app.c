/* services/recurring-task/app.c — what recurring-task is made of, beside what every service has. */
#include "services/recurring-task/app.h"

#include "recurring_task_migrations.h"
#include "services/recurring-task/config.h"
#include "services/recurring-task/handlers/series_decide.h"
#include "services/recurring-task/routes.h"
#include "services/recurring-task/store/copy_store.h"
#include "services/recurring-task/store/series_store.h"

static const struct pg_statement *const statements[] = {
    &COPY_SAVE_TASK,   &COPY_PURGE_TASK, &COPY_SAVE_USER, &COPY_BURY_USER,
    &COPY_FORGET_USER, &SERIES_CLAIM,    &SERIES_SETTLE,  NULL,
};

static void add_metrics(struct app *app)
{
    struct metrics *metrics = app->base.service.metrics;

    app->due_total = metrics_counter(metrics, "recurrences_due_total",
                                     "Next occurrences that were said to be due.", NULL);
    app->faults_total = metrics_counter(metrics, "series_faults_total",
                                        "Decisions that a rule or zone made impossible.", NULL);
    app->faulty =
        metrics_gauge(metrics, "series_faulty", "Series whose rule or zone cannot be read.", NULL);
}

static bool open_app(void *arg, struct err *err)
{
    struct app *app = arg;
    const struct config *config = (const struct config *)app->base.service.config;

    (void)err;
    add_metrics(app);
    app->zones = zone_cache_new(NULL);
    app->decider = due_work_new(&(struct due_work_config){.name = "recurrence_sweep",
                                                          .loop = app->base.service.loop,
                                                          .metrics = app->base.service.metrics,
                                                          .log = &app->base.service.log,
                                                          .poll_ms = config->due_poll_ms,
                                                          .step = series_decide_start,
                                                          .arg = app});
    due_work_start(app->decider);
    return true;
}

void app_wake_decider(void *arg)
{
    due_work_wake(((struct app *)arg)->decider);
}

static void on_decider_drained(void *arg)
{
    service_release_drain(arg);
}

static void drain_app(void *arg)
{
    struct app *app = arg;

    service_hold_drain(&app->base.service);
    due_work_drain(app->decider, on_decider_drained, &app->base.service);
}

static void close_app(void *arg)
{
    struct app *app = arg;

    due_work_free(app->decider);
    zone_cache_free(app->zones);
}

void app_make_spec(struct service_spec *spec)
{
    *spec = (struct service_spec){
        .name = "recurring-task",
        .summary = "says when the next occurrence of a recurring task is due",
        .keys = config_keys,
        .n_keys = config_n_keys,
        .statements = statements,
        .migrations = recurring_task_migrations,
        .n_migrations = recurring_task_migrations_count,
        .app_routes = app_routes,
        .n_app_routes = app_routes_n,
        .handlers = event_handlers,
        .n_handlers = event_handlers_n,
        .open = open_app,
        .drain = drain_app,
        .close = close_app,
    };
}
