/* services/notification/app.c — what notification is made of, beside what every service has. */
#include "services/notification/app.h"

#include "notification_migrations.h"
#include "services/notification/config.h"
#include "services/notification/routes.h"
#include "services/notification/store/copy_store.h"

static const struct pg_statement *const statements[] = {
    &COPY_SAVE_TASK, &COPY_PURGE_TASK, &COPY_SAVE_USER, &COPY_BURY_USER, &COPY_FORGET_USER, NULL,
};

void app_make_spec(struct service_spec *spec)
{
    *spec = (struct service_spec){
        .name = "notification",
        .summary = "reminds users of their tasks",
        .keys = config_keys,
        .n_keys = config_n_keys,
        .statements = statements,
        .migrations = notification_migrations,
        .n_migrations = notification_migrations_count,
        .handlers = event_handlers,
        .n_handlers = event_handlers_n,
    };
}
