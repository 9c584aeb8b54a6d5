/* services/notification/app.h — the one root of the process: the struct alone, for handlers. */
#ifndef SERVICES_NOTIFICATION_APP_H
#define SERVICES_NOTIFICATION_APP_H

#include "common/projection/projection.h"

struct app {
    struct projection_app base; /* first member: the service and its copy of tasks and users */
};

void app_make_spec(struct service_spec *spec); /* app.c */

#endif
