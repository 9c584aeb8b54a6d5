#include "services/notification/config.h"

const struct config_key config_keys[] = {
    SERVICE_CONFIG_KEYS(struct config, service, "8083", "9083", "3583"),
};
const size_t config_n_keys = sizeof config_keys / sizeof config_keys[0];
