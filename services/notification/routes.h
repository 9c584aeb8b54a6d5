/* services/notification/routes.h — which function handles which event, and which of Dapr's calls. */
#ifndef SERVICES_NOTIFICATION_ROUTES_H
#define SERVICES_NOTIFICATION_ROUTES_H

#include "common/dapr/deliver.h"
#include "common/net/http_server.h"

extern const struct event_handler event_handlers[];
extern const size_t event_handlers_n;
extern const struct route app_routes[];
extern const size_t app_routes_n;

#endif
