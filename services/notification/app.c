/* services/notification/app.c — what notification is made of, beside what every service has. */
#include "services/notification/app.h"

#include "notification_migrations.h"
#include "services/notification/channels/channels.h"
#include "services/notification/config.h"
#include "services/notification/routes.h"
#include "services/notification/store/copy_store.h"
#include "services/notification/store/lease_store.h"
#include "services/notification/store/purge_store.h"
#include "services/notification/store/reminder_store.h"
#include "services/notification/store/schedule_store.h"
#include "services/notification/store/sending_store.h"
#include "services/notification/store/user_store.h"

static const struct pg_statement *const statements[] = {
    &COPY_SAVE_TASK, &COPY_PURGE_TASK,  &COPY_SAVE_USER,
    &COPY_BURY_USER, &COPY_FORGET_USER, &USER_LIST_CHANGED,
    &USER_SPREAD,    &DIGEST_LIST_DUE,  &DIGEST_COUNT,
    &DIGEST_PLAN,    &SCHEDULE_READ,    &SCHEDULE_APPLY,
    &SENDING_CLAIM,  &SENDING_RELEASE,  &SENDING_CLOSE,
    &LEASE_BEAT,     &LEASE_TAKE_OVER,  &LEASE_END,
    &REMINDER_LIST,  &PURGE_DELIVERIES, NULL,
};

static void on_channel_back(void *arg)
{
    struct work *work = arg;

    due_work_wake(work->send);
}

static bool open_work(void *context, struct err *err)
{
    struct app *app = context;
    struct service *service = &app->base.service;
    struct work *work = &app->work;

    work->service = service;
    work->config = app->config;
    work->zones = zone_cache_new(NULL);
    work->channels = channels_new(&(struct channels_parts){.loop = service->loop,
                                                           .dapr = service->dapr,
                                                           .zones = work->zones,
                                                           .config = app->config,
                                                           .on_back = on_channel_back,
                                                           .arg = work},
                                  err);
    if (work->channels == NULL)
        return false;
    work_open(work);
    work_start(work);
    return true;
}

static void drain_work(void *context)
{
    struct app *app = context;

    work_drain(&app->work);
}

static void close_work(void *context)
{
    struct app *app = context;

    channels_free(app->work.channels);
    work_close(&app->work);
    zone_cache_free(app->work.zones);
}

void app_wake(void *context)
{
    struct app *app = context;

    work_wake(&app->work);
}

static bool take_channel_keys(void *context, const struct secret *secret, struct err *err)
{
    struct app *app = context;

    return channels_set_channel_keys(app->work.channels, secret, err);
}

static bool take_link_keys(void *context, const struct secret *secret, struct err *err)
{
    struct app *app = context;

    return channels_set_link_keys(app->work.channels, secret, err);
}

static bool take_push_key(void *context, const struct secret *secret, struct err *err)
{
    struct app *app = context;

    return channels_set_push_key(app->work.channels, secret, err);
}

static const struct service_secret secrets[] = {
    {"channel-keys", take_channel_keys},
    {"link-keys", take_link_keys},
    {"push-key", take_push_key},
};

void app_make_spec(struct service_spec *spec)
{
    *spec = (struct service_spec){
        .name = "notification",
        .summary = "reminds users of their tasks",
        .keys = config_keys,
        .n_keys = config_n_keys,
        .statements = statements,
        .plans_once = true,
        .migrations = notification_migrations,
        .n_migrations = notification_migrations_count,
        .app_routes = app_routes,
        .n_app_routes = app_routes_n,
        .handlers = event_handlers,
        .n_handlers = event_handlers_n,
        .secrets = secrets,
        .n_secrets = sizeof secrets / sizeof secrets[0],
        .open = open_work,
        .drain = drain_work,
        .close = close_work,
    };
}
