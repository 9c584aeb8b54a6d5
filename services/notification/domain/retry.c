#include "services/notification/domain/retry.h"

int64_t retry_wait_ms(const struct retry_limits *limits, int64_t attempts, int64_t asked_ms,
                      uint64_t chance)
{
    int64_t wait_ms = limits->first_ms;

    if (attempts >= limits->tries_max)
        return -1;
    for (int64_t i = 1; i < attempts && wait_ms < limits->max_ms; i++)
        wait_ms *= 2;
    if (wait_ms > limits->max_ms)
        wait_ms = limits->max_ms;
    wait_ms = wait_ms / 2 + (int64_t)(chance % (uint64_t)(wait_ms / 2 + 1));
    if (wait_ms < asked_ms)
        wait_ms = asked_ms;
    return wait_ms < 2 * limits->max_ms ? wait_ms : 2 * limits->max_ms;
}
