/* services/audit/routes.h — which function handles what. */
#ifndef SERVICES_AUDIT_ROUTES_H
#define SERVICES_AUDIT_ROUTES_H

#include "common/dapr/deliver.h"
#include "common/net/http_server.h"

extern const struct route app_routes[]; /* of the app port: Dapr's calls */
extern const size_t app_routes_n;
extern const struct event_handler event_handlers[];
extern const size_t event_handlers_n;

#endif
