/* services/websocket/app.h — the one root of the process: the struct alone, for handlers. */
#ifndef SERVICES_WEBSOCKET_APP_H
#define SERVICES_WEBSOCKET_APP_H

#include <stdbool.h>
#include <stdint.h>

#include "common/service/service.h"

struct config;
struct hub;
struct jwt_keys;
struct probe;

struct app {
    struct service service; /* first member */
    const struct config *config;
    struct jwt_keys *ticket_keys;
    struct hub *hub;
    struct probe *probe;
    int64_t started_at;
    bool is_draining;
};

void app_make_spec(struct service_spec *spec); /* app.c */

#endif
