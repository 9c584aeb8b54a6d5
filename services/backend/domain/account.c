#include "services/backend/domain/account.h"

#include <string.h>

#include "common/base/buf.h"
#include "common/json/json_out.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const int64_t DAY_MS = 86400000;

const struct json_field account_fields[] = {
    JSON_UUID(struct account, id, "id", JSON_READ_ONLY),
    JSON_TEXT(struct account, email, "email", JSON_READ_ONLY, 1, EMAIL_TEXT_MAX),
    JSON_TEXT(struct account, name, "name", JSON_READ_ONLY, 0, USER_NAME_MAX),
    JSON_TEXT(struct account, time_zone, "time_zone", JSON_READ_ONLY, 1, ACCOUNT_ZONE_MAX),
    JSON_TIME(struct account, created_at, "created_at", JSON_READ_ONLY),
    JSON_TIME(struct account, updated_at, "updated_at", JSON_READ_ONLY),
};
const size_t account_n_fields = COUNT(account_fields);

#define PASSWORD(type, member, name)                                                               \
    JSON_TEXT(type, member, name, JSON_REQUIRED | JSON_ONE_LINE, ACCOUNT_PASSWORD_MIN,             \
              ACCOUNT_PASSWORD_MAX)
/* an old password may break today's rules: it is just wrong then */
#define PROOF(type, member, name)                                                                  \
    JSON_TEXT(type, member, name, JSON_REQUIRED | JSON_ONE_LINE, 1, ACCOUNT_PASSWORD_MAX)

const struct json_field registration_fields[] = {
    JSON_TEXT(struct registration, email, "email", JSON_REQUIRED | JSON_ONE_LINE, 1,
              EMAIL_TEXT_MAX),
    PASSWORD(struct registration, password, "password"),
    JSON_TEXT(struct registration, name, "name", JSON_ONE_LINE, 0, USER_NAME_MAX),
    JSON_TEXT(struct registration, time_zone, "time_zone", JSON_ONE_LINE, 1, ACCOUNT_ZONE_MAX),
};
const size_t registration_n_fields = COUNT(registration_fields);

const struct json_field sign_in_fields[] = {
    JSON_TEXT(struct sign_in, email, "email", JSON_REQUIRED | JSON_ONE_LINE, 1, EMAIL_TEXT_MAX),
    PROOF(struct sign_in, password, "password"),
};
const size_t sign_in_n_fields = COUNT(sign_in_fields);

const struct json_field account_patch_fields[] = {
    JSON_TEXT(struct account_patch, name, "name", JSON_ONE_LINE, 0, USER_NAME_MAX),
    JSON_TEXT(struct account_patch, time_zone, "time_zone", JSON_ONE_LINE, 1, ACCOUNT_ZONE_MAX),
};
const size_t account_patch_n_fields = COUNT(account_patch_fields);

const struct json_field password_change_fields[] = {
    PROOF(struct password_change, password, "password"),
    PASSWORD(struct password_change, new_password, "new_password"),
};
const size_t password_change_n_fields = COUNT(password_change_fields);

const struct json_field password_proof_fields[] = {
    PROOF(struct password_proof, password, "password"),
};
const size_t password_proof_n_fields = COUNT(password_proof_fields);

const struct json_field session_fields[] = {
    JSON_UUID(struct session, id, "id", JSON_READ_ONLY),
    JSON_TEXT(struct session, user_agent, "user_agent", JSON_READ_ONLY, 0, 0),
    JSON_TEXT(struct session, address, "address", JSON_READ_ONLY, 0, 0),
    JSON_BOOL(struct session, is_current, "is_current", JSON_READ_ONLY),
    JSON_TIME(struct session, created_at, "created_at", JSON_READ_ONLY),
    JSON_TIME(struct session, last_used_at, "last_used_at", JSON_READ_ONLY),
    JSON_TIME(struct session, expires_at, "expires_at", JSON_READ_ONLY),
};
const size_t session_n_fields = COUNT(session_fields);

const struct json_field api_token_fields[] = {
    JSON_UUID(struct api_token, id, "id", JSON_READ_ONLY),
    JSON_TEXT(struct api_token, name, "name", JSON_READ_ONLY, 1, API_TOKEN_NAME_MAX),
    JSON_TEXTS(struct api_token, scopes, "scopes", JSON_READ_ONLY, 4, 1, 20),
    JSON_TIME(struct api_token, created_at, "created_at", JSON_READ_ONLY),
    JSON_TIME(struct api_token, expires_at, "expires_at", JSON_READ_ONLY),
    JSON_TIME(struct api_token, last_used_at, "last_used_at", JSON_READ_ONLY),
};
const size_t api_token_n_fields = COUNT(api_token_fields);

const struct json_field api_token_order_fields[] = {
    JSON_TEXT(struct api_token_order, name, "name", JSON_REQUIRED | JSON_ONE_LINE, 1,
              API_TOKEN_NAME_MAX),
    JSON_TEXTS(struct api_token_order, scopes, "scopes", JSON_REQUIRED, 4, 1, 20),
    JSON_TIME(struct api_token_order, expires_at, "expires_at", JSON_OPTIONAL),
};
const size_t api_token_order_n_fields = COUNT(api_token_order_fields);

bool account_apply(struct account *account, const struct account_patch *patch, int64_t now_ms)
{
    bool changes_name = patch->name != NULL && strcmp(patch->name, account->name) != 0;
    bool changes_zone =
        patch->time_zone != NULL && strcmp(patch->time_zone, account->time_zone) != 0;

    if (!changes_name && !changes_zone)
        return false;
    if (changes_name)
        account->name = patch->name;
    if (changes_zone)
        account->time_zone = patch->time_zone;
    account_raise(account, now_ms);
    return true;
}

bool account_set_settings(struct account *account, const struct reminder_settings *settings,
                          int64_t now_ms)
{
    if (reminder_settings_is_same(&account->settings, settings))
        return false;
    account->settings = *settings;
    account->has_settings = true;
    account_raise(account, now_ms);
    return true;
}

void account_raise(struct account *account, int64_t now_ms)
{
    account->version++;
    account->updated_at = now_ms;
}

static const char *write_address(const struct channel_address *address, struct arena *arena)
{
    return json_object_text(channel_address_fields, channel_address_n_fields, address, arena);
}

/* What notification goes by: how he wants to be reminded, and where. */
static void add_reach(const struct account *account, struct arena *arena, struct user *user)
{
    struct buf settings;

    buf_init(&settings);
    if (account->has_settings) {
        reminder_settings_write(&account->settings, &settings);
        user->reminder_settings = arena_copy_bytes(arena, settings.bytes, settings.n_bytes);
    }
    buf_clear(&settings);
    user->channels.items = ARENA_NEW_ARRAY(arena, account->n_channels, const char *);
    for (size_t i = 0; i < account->n_channels; i++)
        user->channels.items[user->channels.n_items++] =
            write_address(&account->channels[i].address, arena);
}

void account_write_event(const struct account *account, int64_t deleted_at, struct buf *out)
{
    struct user user = {.id = account->id, .version = account->version, .deleted_at = deleted_at};
    struct arena arena;

    arena_init(&arena);
    if (deleted_at == 0) {
        user.email = account->email;
        user.name = account->name;
        user.time_zone = account->time_zone;
        user.created_at = account->created_at;
        add_reach(account, &arena, &user);
    }
    user_write(&user, out);
    arena_clear(&arena);
}

void account_write_sessions(struct json_out *out, const struct session *sessions, size_t n_sessions)
{
    json_open_array(out, "sessions");
    for (size_t i = 0; i < n_sessions; i++) {
        json_open_object(out, NULL);
        json_write_fields(out, session_fields, session_n_fields, &sessions[i]);
        json_close_object(out);
    }
    json_close_array(out);
}

void account_write_api_tokens(struct json_out *out, const struct api_token *tokens, size_t n_tokens)
{
    json_open_array(out, "tokens");
    for (size_t i = 0; i < n_tokens; i++) {
        json_open_object(out, NULL);
        json_write_fields(out, api_token_fields, api_token_n_fields, &tokens[i]);
        json_close_object(out);
    }
    json_close_array(out);
}

bool api_token_order_check(struct api_token_order *order, int64_t now_ms, struct err *err)
{
    if (order->expires_at == 0)
        order->expires_at = now_ms + API_TOKEN_DAYS_INITIAL * DAY_MS;
    if (order->expires_at <= now_ms)
        return err_add_field(err, "expires_at", "is not in the future");
    if (order->expires_at > now_ms + API_TOKEN_DAYS_MAX * DAY_MS)
        return err_add_field(err, "expires_at", "is more than %d days from now",
                             API_TOKEN_DAYS_MAX);
    return true;
}
