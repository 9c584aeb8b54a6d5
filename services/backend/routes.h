/* services/backend/routes.h — every route of the public port, listed once. */
#ifndef SERVICES_BACKEND_ROUTES_H
#define SERVICES_BACKEND_ROUTES_H

#include "common/net/http_server.h"

extern const struct route routes[];
extern const size_t routes_n;

#endif
