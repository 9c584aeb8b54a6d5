#include "services/notification/config.h"

const struct config_key config_keys[] = {
    SERVICE_CONFIG_KEYS(struct config, service, "8083", "9083", "3583"),
    CONFIG_TEXT(
        struct config, mail_bindings, "MAIL_BINDINGS", "mail,mail-2,mail-3,mail-4", 1, 640,
        "Dapr output bindings that send mail, with commas between; each one mail at a time"),
    CONFIG_TEXT(struct config, mail_from, "MAIL_FROM", "todo-app <reminders@localhost>", 3, 320,
                "sender of mails"),
    CONFIG_TEXT(struct config, public_url, "PUBLIC_URL", "http://localhost:8080", 8, 256,
                "address of the ingress, for links in mails"),
    CONFIG_TEXT(struct config, push_subject, "PUSH_SUBJECT", "mailto:admin@localhost", 8, 256,
                "contact told to push services (RFC 8292)"),
    CONFIG_INT(struct config, mail_limit_ms, "MAIL_LIMIT_MS", "15000", 50, 120000,
               "limit of sending a mail, ms"),
    CONFIG_INT(struct config, push_limit_ms, "PUSH_LIMIT_MS", "10000", 50, 120000,
               "limit of a call of a push service, ms"),
    CONFIG_INT(struct config, webhook_limit_ms, "WEBHOOK_LIMIT_MS", "10000", 50, 120000,
               "limit of a call of a webhook, ms"),
    CONFIG_INT(struct config, reminder_age_max_s, "REMINDER_AGE_MAX_S", "86400", 1, 31536000,
               "a reminder later than that is not sent any more, s"),
    CONFIG_INT(struct config, send_tries_max, "SEND_TRIES_MAX", "150", 1, 1000,
               "attempts before a delivery is given up"),
    CONFIG_INT(struct config, send_retry_ms, "SEND_RETRY_MS", "2000", 1, 3600000,
               "wait before the second attempt, doubled each time, ms"),
    CONFIG_INT(struct config, send_retry_max_ms, "SEND_RETRY_MAX_MS", "900000", 1, 86400000,
               "longest wait between two attempts, ms"),
    CONFIG_INT(struct config, send_per_owner, "SEND_PER_OWNER", "2", 1, 16,
               "pushes, and webhooks, of one user that are under way at once"),
    CONFIG_INT(
        struct config, lease_ms, "LEASE_MS", "20000", 5000, 600000,
        "others take over the claims of a process silent for that long, ms; connections need "
        "up to 4000 to come back"),
    CONFIG_INT(struct config, due_poll_ms, "DUE_POLL_MS", "1000", 10, 60000,
               "how often due work is looked for, ms"),
    CONFIG_INT(struct config, ledger_days, "LEDGER_DAYS", "90", 1, 3650,
               "how long a delivery is kept after its end, days; a reminder that is longer past is "
               "not planned any more"),
    CONFIG_INT(struct config, purge_interval_s, "PURGE_INTERVAL_S", "3600", 1, 86400,
               "how often what is older is deleted, s"),
    CONFIG_TEXT(struct config, user_address_ports, "USER_ADDRESS_PORTS", "443", 1, 128,
                "ports that users' addresses may have, with commas between"),
    CONFIG_BOOL(struct config, user_address_loopback, "USER_ADDRESS_LOOPBACK", "false",
                "let users' addresses be loopback, http and any port: for tests"),
};
const size_t config_n_keys = sizeof config_keys / sizeof config_keys[0];
