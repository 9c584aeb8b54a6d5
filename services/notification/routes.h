/* services/notification/routes.h — which function handles which event. */
#ifndef SERVICES_NOTIFICATION_ROUTES_H
#define SERVICES_NOTIFICATION_ROUTES_H

#include "common/dapr/deliver.h"

extern const struct event_handler event_handlers[];
extern const size_t event_handlers_n;

#endif
