/* services/notification/app.h — the one root of the process: the struct alone, for handlers. */
#ifndef SERVICES_NOTIFICATION_APP_H
#define SERVICES_NOTIFICATION_APP_H

#include "common/projection/projection.h"
#include "services/notification/work/work.h"

struct app {
    struct projection_app base; /* first member: the service and its copy of tasks and users */
    const struct config *config;
    struct work work;
};

void app_make_spec(struct service_spec *spec); /* app.c */
void app_wake(void *app);                      /* the copy has changed */

#endif
