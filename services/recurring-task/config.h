/* services/recurring-task/config.h — the settings of recurring-task, from the environment. */
#ifndef SERVICES_RECURRING_TASK_CONFIG_H
#define SERVICES_RECURRING_TASK_CONFIG_H

#include <stddef.h>

#include "common/service/service.h"

struct config {
    struct service_config service; /* first member */
    int due_poll_ms;
};

extern const struct config_key config_keys[];
extern const size_t config_n_keys;

#endif
