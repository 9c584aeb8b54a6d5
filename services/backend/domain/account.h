/* services/backend/domain/account.h — accounts, their sessions and their personal API tokens: what
 * they are, what may be sent, what is shown. */
#ifndef SERVICES_BACKEND_DOMAIN_ACCOUNT_H
#define SERVICES_BACKEND_DOMAIN_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/uuid.h"
#include "common/events/user.h"
#include "common/json/json_field.h"
#include "services/backend/domain/channel.h"
#include "services/backend/domain/reminder_settings.h"

struct buf;
struct json_out;

enum {
    ACCOUNT_PASSWORD_MIN = 10, /* code points */
    ACCOUNT_PASSWORD_MAX = 128,
    EMAIL_TEXT_MAX = 1000, /* of what is read, before email_normalise names its own limit */
    ACCOUNT_ZONE_MAX = 64,
    API_TOKEN_NAME_MAX = 100,
    API_TOKEN_DAYS_MAX = 366,
    API_TOKEN_DAYS_INITIAL = 90,
};

struct account {
    struct uuid id;
    const char *email;
    const char *name;
    const char *time_zone;
    int64_t version;
    int64_t created_at, updated_at;
    const char *password_hash; /* never shown */
    int64_t credentials;       /* generation of its sessions; never shown */

    /* these only when it was read whole */
    bool has_settings; /* else they are as initially */
    struct reminder_settings settings;
    struct channel *channels; /* the oldest first */
    size_t n_channels;
};
extern const struct json_field account_fields[];
extern const size_t account_n_fields;

struct registration {
    const char *email, *password, *name, *time_zone;
};
extern const struct json_field registration_fields[];
extern const size_t registration_n_fields;

struct sign_in {
    const char *email, *password;
};
extern const struct json_field sign_in_fields[];
extern const size_t sign_in_n_fields;

/** NULL members were absent. */
struct account_patch {
    const char *name, *time_zone;
};
extern const struct json_field account_patch_fields[];
extern const size_t account_patch_n_fields;

struct password_change {
    const char *password, *new_password;
};
extern const struct json_field password_change_fields[];
extern const size_t password_change_n_fields;

struct password_proof {
    const char *password;
};
extern const struct json_field password_proof_fields[];
extern const size_t password_proof_n_fields;

struct session {
    struct uuid id;
    const char *user_agent;
    const char *address;
    bool is_current;
    int64_t created_at, last_used_at, expires_at;
};
extern const struct json_field session_fields[];
extern const size_t session_n_fields;

struct api_token {
    struct uuid id;
    const char *name;
    struct json_texts scopes;
    int64_t created_at, expires_at;
    int64_t last_used_at; /* 0: never */
};
extern const struct json_field api_token_fields[];
extern const size_t api_token_n_fields;

struct api_token_order {
    const char *name;
    struct json_texts scopes;
    int64_t expires_at; /* 0: in API_TOKEN_DAYS_INITIAL days */
};
extern const struct json_field api_token_order_fields[];
extern const size_t api_token_order_n_fields;

/** Put the patch onto the account; return whether anything changes. */
bool account_apply(struct account *account, const struct account_patch *patch, int64_t now_ms);

/** The same with checked settings of reminders. */
bool account_set_settings(struct account *account, const struct reminder_settings *settings,
                          int64_t now_ms);

/** Give it the next version. */
void account_raise(struct account *account, int64_t now_ms);

/** Write the data of user.registered or user.updated, of an account that was read whole; with
 *  `deleted_at` set that of user.deleted, which has the id and the version alone. */
void account_write_event(const struct account *account, int64_t deleted_at, struct buf *out);

/** Write the member "sessions" or "tokens" into the object that is open in `out`. */
void account_write_sessions(struct json_out *out, const struct session *sessions,
                            size_t n_sessions);
void account_write_api_tokens(struct json_out *out, const struct api_token *tokens,
                              size_t n_tokens);

/** Check and complete the expiry. */
MUST_CHECK bool api_token_order_check(struct api_token_order *order, int64_t now_ms,
                                      struct err *err);

#endif
