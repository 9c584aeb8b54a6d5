/* services/backend/domain/reminder_settings.h — how a user wants to be reminded: what may be set, and
 * how it is stored. */
#ifndef SERVICES_BACKEND_DOMAIN_REMINDER_SETTINGS_H
#define SERVICES_BACKEND_DOMAIN_REMINDER_SETTINGS_H

#include "common/base/buf.h"
#include "common/events/reminder_settings.h"

/** Hold changed settings against every rule: durations and clock times are such, quiet hours have
 *  both ends and last between. Fail with a field entry for each that breaks one. */
MUST_CHECK bool reminder_settings_check(const struct reminder_settings *settings, struct err *err);

bool reminder_settings_is_same(const struct reminder_settings *one,
                               const struct reminder_settings *other);

/** Read what reminder_settings_write wrote; what is missing is as initially. */
MUST_CHECK bool reminder_settings_read(const char *text, struct arena *arena,
                                       struct reminder_settings *settings, struct err *err);
void reminder_settings_write(const struct reminder_settings *settings, struct buf *out);

#endif
