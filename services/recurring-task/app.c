/* services/recurring-task/app.c — what recurring-task is made of, beside what every service has. */
#include "services/recurring-task/app.h"

#include "recurring_task_migrations.h"
#include "services/recurring-task/config.h"
#include "services/recurring-task/routes.h"
#include "services/recurring-task/store/copy_store.h"

static const struct pg_statement *const statements[] = {
    &COPY_SAVE_TASK, &COPY_PURGE_TASK, &COPY_SAVE_USER, &COPY_BURY_USER, &COPY_FORGET_USER, NULL,
};

void app_make_spec(struct service_spec *spec)
{
    *spec = (struct service_spec){
        .name = "recurring-task",
        .summary = "makes the next occurrence of recurring tasks",
        .keys = config_keys,
        .n_keys = config_n_keys,
        .statements = statements,
        .migrations = recurring_task_migrations,
        .n_migrations = recurring_task_migrations_count,
        .handlers = event_handlers,
        .n_handlers = event_handlers_n,
    };
}
