/* services/notification/domain/quiet.h — the hours in which a user wants to hear nothing but what the
 * app shows. */
#ifndef SERVICES_NOTIFICATION_DOMAIN_QUIET_H
#define SERVICES_NOTIFICATION_DOMAIN_QUIET_H

#include <stdint.h>

#include "common/events/reminder_settings.h"
#include "common/recurrence/zone.h"

/** Return the end of the quiet hours that `at` falls into, 0 when it falls into none. The hours begin
 *  with quiet_from and end before quiet_until, by the wall clock of `zone`; they may span midnight.
 *  Without either, or from a time to itself, there are none. `zone` NULL is UTC. */
int64_t quiet_end(const struct reminder_settings *settings, const struct zone *zone, int64_t at);

#endif
