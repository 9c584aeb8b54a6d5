/* services/notification/config.h — the settings of notification, from the environment. */
#ifndef SERVICES_NOTIFICATION_CONFIG_H
#define SERVICES_NOTIFICATION_CONFIG_H

#include <stddef.h>

#include "common/service/service.h"

struct config {
    struct service_config service; /* first member */
};

extern const struct config_key config_keys[];
extern const size_t config_n_keys;

#endif
