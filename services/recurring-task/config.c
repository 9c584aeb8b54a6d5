#include "services/recurring-task/config.h"

const struct config_key config_keys[] = {
    SERVICE_CONFIG_KEYS(struct config, service, "8082", "9082", "3582"),
    CONFIG_INT(struct config, due_poll_ms, "DUE_POLL_MS", "1000", 10, 60000,
               "how often series that are due are looked for, ms"),
};
const size_t config_n_keys = sizeof config_keys / sizeof config_keys[0];
