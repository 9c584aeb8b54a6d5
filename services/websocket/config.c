#include "services/websocket/config.h"

const struct config_key config_keys[] = {
    SERVICE_CONFIG_KEYS(struct config, service, "8085", "9085", "3585"),
    CONFIG_TEXT(struct config, replica_name, "REPLICA_NAME", NULL, 1, 63,
                "name of this replica, the same at every start"),
    CONFIG_TEXT(struct config, pubsub_live, "PUBSUB_LIVE", "pubsub-live", 1, 64,
                "Dapr pub/sub component of live updates"),
    CONFIG_TEXT(struct config, allowed_origins, "ALLOWED_ORIGINS", "http://localhost:8080", 0, 2048,
                "pages that may open a socket, comma-separated: scheme://host[:port]"),
    CONFIG_INT(struct config, ping_ms, "WS_PING_MS", "25000", 20, 600000,
               "between two pings of a socket, ms"),
    CONFIG_INT(struct config, close_limit_ms, "WS_CLOSE_LIMIT_MS", "2000", 20, 60000,
               "limit of a client's part of a close, ms"),
    CONFIG_INT(struct config, life_s, "WS_LIFE_S", "900", 1, 86400,
               "how long a socket lives before it needs a new ticket, s"),
    CONFIG_INT(struct config, queue_frames, "WS_QUEUE_FRAMES", "256", 1, 100000,
               "frames that may wait for a slow client"),
    CONFIG_INT(struct config, queue_bytes, "WS_QUEUE_BYTES", "1048576", 1024, 67108864,
               "bytes that may wait for a slow client"),
    CONFIG_INT(struct config, sockets_per_user, "WS_SOCKETS_PER_USER", "20", 1, 1000,
               "sockets one user may have here"),
    CONFIG_INT(struct config, probe_interval_ms, "PROBE_INTERVAL_MS", "30000", 100, 600000,
               "between two probes of the live path, ms"),
    CONFIG_INT(struct config, probe_retry_ms, "PROBE_RETRY_MS", "1000", 20, 60000,
               "the same while none comes back, ms"),
};
const size_t config_n_keys = sizeof config_keys / sizeof config_keys[0];
