/* services/recurring-task/routes.h — which function handles which request and which
 * event. */
#ifndef SERVICES_RECURRING_TASK_ROUTES_H
#define SERVICES_RECURRING_TASK_ROUTES_H

#include "common/dapr/deliver.h"

extern const struct route app_routes[];
extern const size_t app_routes_n;

extern const struct event_handler event_handlers[];
extern const size_t event_handlers_n;

#endif
