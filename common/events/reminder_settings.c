/* common/events/reminder_settings.c — the fields of a user's settings of reminders. */
#include "common/events/reminder_settings.h"

#include "common/events/reminder.h"

const struct json_field reminder_settings_fields[] = {
    JSON_BOOL(struct reminder_settings, email, "email", JSON_OPTIONAL),
    JSON_BOOL(struct reminder_settings, push, "push", JSON_OPTIONAL),
    JSON_BOOL(struct reminder_settings, app, "app", JSON_OPTIONAL),
    JSON_BOOL(struct reminder_settings, webhook, "webhook", JSON_OPTIONAL),
    JSON_TEXT(struct reminder_settings, default_reminder, "default_reminder",
              JSON_NULLABLE | JSON_ONE_LINE, 1, REMINDER_OFFSET_MAX),
    JSON_TEXT(struct reminder_settings, quiet_from, "quiet_from", JSON_NULLABLE | JSON_ONE_LINE, 1,
              CLOCK_TIME_MAX),
    JSON_TEXT(struct reminder_settings, quiet_until, "quiet_until", JSON_NULLABLE | JSON_ONE_LINE,
              1, CLOCK_TIME_MAX),
    JSON_TEXT(struct reminder_settings, digest_at, "digest_at", JSON_NULLABLE | JSON_ONE_LINE, 1,
              CLOCK_TIME_MAX),
};
const size_t reminder_settings_n_fields =
    sizeof reminder_settings_fields / sizeof reminder_settings_fields[0];

const struct reminder_settings reminder_settings_initial = {
    .email = true, .push = true, .app = true, .webhook = true, .default_reminder = "PT0S"};

const struct json_field channel_address_fields[] = {
    JSON_UUID(struct channel_address, id, "id", JSON_REQUIRED),
    JSON_ENUM(struct channel_address, channel, "channel", JSON_REQUIRED, reminder_channel_words),
    JSON_TEXT(struct channel_address, name, "name", JSON_REQUIRED | JSON_ONE_LINE, 0,
              CHANNEL_NAME_MAX),
    JSON_TEXT(struct channel_address, sealed, "sealed", JSON_REQUIRED | JSON_ONE_LINE, 1,
              CHANNEL_SEALED_MAX),
    JSON_TIME(struct channel_address, created_at, "created_at", JSON_REQUIRED),
};
const size_t channel_address_n_fields =
    sizeof channel_address_fields / sizeof channel_address_fields[0];
