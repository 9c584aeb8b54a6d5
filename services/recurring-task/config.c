#include "services/recurring-task/config.h"

const struct config_key config_keys[] = {
    SERVICE_CONFIG_KEYS(struct config, service, "8082", "9082", "3582"),
};
const size_t config_n_keys = sizeof config_keys / sizeof config_keys[0];
