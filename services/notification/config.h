/* services/notification/config.h — the settings of notification, from the environment. */
#ifndef SERVICES_NOTIFICATION_CONFIG_H
#define SERVICES_NOTIFICATION_CONFIG_H

#include <stddef.h>

#include "common/service/service.h"

struct config {
    struct service_config service; /* first member */
    const char *mail_bindings, *mail_from;
    const char *public_url;   /* of the links in mails, without a slash at its end */
    const char *push_subject; /* whom a push service may write to */
    int mail_limit_ms, push_limit_ms, webhook_limit_ms; /* of one send */
    int reminder_age_max_s;                             /* what is later is not sent any more */
    int send_tries_max, send_retry_ms, send_retry_max_ms;
    int send_per_owner; /* pushes, and webhooks, under way at once */
    int lease_ms;       /* a process silent for that long has lost its claims */
    int due_poll_ms;
    int ledger_days; /* how long what has ended is kept */
    int purge_interval_s;
    const char *user_address_ports;
    bool user_address_loopback;
};

extern const struct config_key config_keys[];
extern const size_t config_n_keys;

#endif
