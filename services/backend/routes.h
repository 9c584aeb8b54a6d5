/* services/backend/routes.h — every route of the public port and every event we handle, listed once. */
#ifndef SERVICES_BACKEND_ROUTES_H
#define SERVICES_BACKEND_ROUTES_H

#include "common/dapr/deliver.h"
#include "common/net/http_server.h"

extern const struct route routes[];
extern const size_t routes_n;
extern const struct event_handler event_handlers[];
extern const size_t event_handlers_n;

#endif
