/* services/notification/domain/wall.h — the wall clock of a zone, or of UTC where none is known. */
#ifndef SERVICES_NOTIFICATION_DOMAIN_WALL_H
#define SERVICES_NOTIFICATION_DOMAIN_WALL_H

#include <stdint.h>

#include "common/recurrence/zone.h"

/** Return what the wall shows at an instant; `zone` NULL is UTC. */
struct local_time wall_local(const struct zone *zone, int64_t at);

/** Return the first instant at which the wall shows `minutes` after midnight, `days` after `day`. */
int64_t wall_instant(const struct zone *zone, const struct local_time *day, int days, int minutes);

#endif
