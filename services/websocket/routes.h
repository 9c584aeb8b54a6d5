/* services/websocket/routes.h — which function handles which request and which event. */
#ifndef SERVICES_WEBSOCKET_ROUTES_H
#define SERVICES_WEBSOCKET_ROUTES_H

#include <stddef.h>

#include "common/dapr/deliver.h"
#include "common/net/http_server.h"

extern const struct route routes[];
extern const size_t routes_n;
extern const struct event_handler event_handlers[];
extern const size_t event_handlers_n;

#endif
