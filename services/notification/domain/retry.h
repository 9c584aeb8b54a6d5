/* services/notification/domain/retry.h — when a delivery that failed for now is tried again. */
#ifndef SERVICES_NOTIFICATION_DOMAIN_RETRY_H
#define SERVICES_NOTIFICATION_DOMAIN_RETRY_H

#include <stdint.h>

struct retry_limits {
    int tries_max;
    int64_t first_ms, max_ms;
};

/** Return how long to wait after `attempts` attempts: doubled each time, half of it left to `chance`
 *  (any number), at least `asked_ms`, which the channel asked for, at most twice max_ms; -1 when
 *  there have been enough. */
int64_t retry_wait_ms(const struct retry_limits *limits, int64_t attempts, int64_t asked_ms,
                      uint64_t chance);

#endif
