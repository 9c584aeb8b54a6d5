#include "services/backend/config.h"

#define INT(member, name, initial, min, max, help)                                                 \
    CONFIG_INT(struct config, member, name, initial, min, max, help)

const struct config_key config_keys[] = {
    SERVICE_CONFIG_KEYS(struct config, service, "8081", "9081", "3581"),
    CONFIG_TEXT(struct config, public_url, "PUBLIC_URL", "http://localhost:8080", 8, 253,
                "scheme, host and port that browsers see; the only Origin of cookie requests"),
    CONFIG_BOOL(struct config, cookie_secure, "COOKIE_SECURE", "true",
                "whether the refresh cookie is for https alone"),
    INT(password_workers, "PASSWORD_WORKERS", "2", 1, 16, "threads that hash passwords"),
    INT(password_queue_max, "PASSWORD_QUEUE_MAX", "64", 1, 1024, "passwords waiting for a thread"),
    INT(access_token_s, "ACCESS_TOKEN_S", "900", 30, 3600, "life of an access token, s"),
    INT(refresh_grace_s, "REFRESH_GRACE_S", "10", 0, 60,
        "how long a replaced refresh token still gives its successor, s"),
    INT(session_days, "SESSION_DAYS", "30", 1, 365,
        "life of a session since its last refresh, days"),
    INT(session_check_ms, "SESSION_CHECK_MS", "10000", 0, 900000,
        "how long a verified access token is trusted before its session is looked up again, ms"),
    INT(sessions_max, "SESSIONS_MAX", "20", 1, 1000, "sessions of a user; the oldest makes room"),
    INT(api_tokens_max, "API_TOKENS_MAX", "50", 1, 1000, "personal API tokens of a user"),
    INT(sign_in_failures_free, "SIGN_IN_FAILURES_FREE", "5", 1, 1000,
        "failed sign-ins of an account without a lock"),
    INT(sign_in_address_failures_free, "SIGN_IN_ADDRESS_FAILURES_FREE", "50", 1, 100000,
        "failed sign-ins from an address without a lock"),
    INT(sign_in_lock_max_s, "SIGN_IN_LOCK_MAX_S", "900", 1, 86400,
        "longest lock; locks double with each failure, s"),
    INT(rate_user_per_s, "RATE_USER_PER_S", "100", 0, 1000000, "requests of a user, per s; 0: any"),
    INT(rate_user_burst, "RATE_USER_BURST", "400", 1, 1000000, "requests of a user at once"),
    INT(rate_address_per_s, "RATE_ADDRESS_PER_S", "200", 0, 1000000,
        "requests from an address, per s; 0: any"),
    INT(rate_address_burst, "RATE_ADDRESS_BURST", "1000", 1, 1000000,
        "requests from an address at once"),
    INT(rate_sign_in_per_min, "RATE_SIGN_IN_PER_MIN", "60", 0, 1000000,
        "registrations and sign-ins from an address, per min; 0: any"),
    INT(rate_sign_in_burst, "RATE_SIGN_IN_BURST", "60", 1, 1000000,
        "registrations and sign-ins from an address at once"),
    INT(purge_interval_s, "PURGE_INTERVAL_S", "3600", 1, 86400,
        "how often what has expired is deleted, s"),
};
const size_t config_n_keys = sizeof(config_keys) / sizeof(config_keys[0]);
