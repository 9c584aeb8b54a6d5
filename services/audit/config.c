#include "services/audit/config.h"

const struct config_key config_keys[] = {
    SERVICE_CONFIG_KEYS(struct config, service, "8084", "9084", "3584"),
    CONFIG_TEXT(struct config, heads_dir, "HEADS_DIR", "", 0, 4000,
                "directory that the signed heads are written to; empty: they are not"),
    CONFIG_INT(struct config, heads_interval_ms, "HEADS_INTERVAL_MS", "60000", 100, 3600000,
               "how often the heads are exported, ms"),
};
const size_t config_n_keys = sizeof(config_keys) / sizeof(config_keys[0]);
