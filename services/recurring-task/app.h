/* services/recurring-task/app.h — the one root of the process: the struct alone, for handlers. */
#ifndef SERVICES_RECURRING_TASK_APP_H
#define SERVICES_RECURRING_TASK_APP_H

#include "common/base/metrics.h"
#include "common/projection/projection.h"
#include "common/recurrence/zone.h"
#include "common/service/due_work.h"

struct app {
    struct projection_app base; /* first member: the service and its copy of tasks and users */
    struct zone_cache *zones;
    struct due_work *decider;
    struct metrics_series *due_total, *faults_total, *faulty;
};

void app_make_spec(struct service_spec *spec); /* app.c */
void app_wake_decider(void *app);              /* an event may have changed a series */

#endif
