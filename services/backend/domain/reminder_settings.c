#include "services/backend/domain/reminder_settings.h"

#include <string.h>

#include "common/json/json_field.h"
#include "common/recurrence/duration.h"

static bool is_digits(const char *text, char first_max, char second_max)
{
    return text[0] >= '0' && text[0] <= first_max && text[1] >= '0' && text[1] <= second_max;
}

static bool is_clock_time(const char *text)
{
    return strlen(text) == CLOCK_TIME_MAX && text[2] == ':' &&
           is_digits(text, '2', text[0] == '2' ? '3' : '9') && is_digits(text + 3, '5', '9');
}

static bool check_clock_time(const char *text, const char *field, struct err *err)
{
    return text == NULL || is_clock_time(text) ||
           err_add_field(err, field, "must be a time of day from 00:00 to 23:59, like 22:00");
}

bool reminder_settings_check(const struct reminder_settings *settings, struct err *err)
{
    const char *from = settings->quiet_from, *until = settings->quiet_until;
    struct duration duration;
    bool ok = true;

    if (settings->default_reminder != NULL)
        ok = duration_read(settings->default_reminder, "default_reminder", &duration, err);
    ok = check_clock_time(from, "quiet_from", err) && ok;
    ok = check_clock_time(until, "quiet_until", err) && ok;
    ok = check_clock_time(settings->digest_at, "digest_at", err) && ok;
    if (from != NULL && until == NULL)
        ok = err_add_field(err, "quiet_until", "is required with quiet_from");
    else if (from == NULL && until != NULL)
        ok = err_add_field(err, "quiet_from", "is required with quiet_until");
    else if (from != NULL && strcmp(from, until) == 0)
        ok = err_add_field(err, "quiet_until", "is the same time as quiet_from");
    return ok;
}

static bool is_same_text(const char *one, const char *other)
{
    return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

bool reminder_settings_is_same(const struct reminder_settings *one,
                               const struct reminder_settings *other)
{
    return one->email == other->email && one->push == other->push && one->app == other->app &&
           one->webhook == other->webhook &&
           is_same_text(one->default_reminder, other->default_reminder) &&
           is_same_text(one->quiet_from, other->quiet_from) &&
           is_same_text(one->quiet_until, other->quiet_until) &&
           is_same_text(one->digest_at, other->digest_at);
}

bool reminder_settings_read(const char *text, struct arena *arena,
                            struct reminder_settings *settings, struct err *err)
{
    const struct json_reading reading = {.fields = reminder_settings_fields,
                                         .n_fields = reminder_settings_n_fields,
                                         .unknown = JSON_IGNORE_UNKNOWN};

    *settings = reminder_settings_initial;
    return json_read(text, strlen(text), &reading, arena, settings, err);
}

void reminder_settings_write(const struct reminder_settings *settings, struct buf *out)
{
    json_write_object(out, reminder_settings_fields, reminder_settings_n_fields, settings);
}
