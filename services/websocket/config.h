/* services/websocket/config.h — the settings of websocket, from the environment. */
#ifndef SERVICES_WEBSOCKET_CONFIG_H
#define SERVICES_WEBSOCKET_CONFIG_H

#include <stddef.h>

#include "common/service/service.h"

struct config {
    struct service_config service; /* first member */
    const char *replica_name;
    const char *pubsub_live;
    const char *allowed_origins;
    int ping_ms, close_limit_ms, life_s;
    int queue_frames, queue_bytes;
    int sockets_per_user;
    int probe_interval_ms, probe_retry_ms;
};

extern const struct config_key config_keys[];
extern const size_t config_n_keys;

#endif
