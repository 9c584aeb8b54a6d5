/* services/audit/config.h — the settings of audit, from the environment. */
#ifndef SERVICES_AUDIT_CONFIG_H
#define SERVICES_AUDIT_CONFIG_H

#include <stddef.h>

#include "common/service/service.h"

struct config {
    struct service_config service; /* first member */
    const char *heads_dir;         /* "": heads are not exported */
    int heads_interval_ms;
};

extern const struct config_key config_keys[];
extern const size_t config_n_keys;

#endif
