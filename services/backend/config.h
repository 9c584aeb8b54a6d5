/* services/backend/config.h — the settings of the backend, from the environment. */
#ifndef SERVICES_BACKEND_CONFIG_H
#define SERVICES_BACKEND_CONFIG_H

#include <stddef.h>

#include "common/service/service.h"

struct config {
    struct service_config service; /* first member */
    const char *public_url;        /* scheme, host and port as browsers see them */
    bool cookie_secure;
    int password_workers, password_queue_max;
    int access_token_s;
    int refresh_grace_s;
    int session_days, session_check_ms;
    int sessions_max, api_tokens_max;
    int sign_in_failures_free, sign_in_address_failures_free, sign_in_lock_max_s;
    int rate_user_per_s, rate_user_burst;
    int rate_address_per_s, rate_address_burst;
    int rate_sign_in_per_min, rate_sign_in_burst;
    int purge_interval_s;
    int tasks_max;
    int trash_days, tombstone_days, idempotency_hours;
    const char *morning; /* "09:00" */
    int notification_days;
    const char *user_address_ports;
    bool user_address_loopback;
};

extern const struct config_key config_keys[];
extern const size_t config_n_keys;

#endif
