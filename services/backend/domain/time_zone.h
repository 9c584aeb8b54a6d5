/* services/backend/domain/time_zone.h — the names of the time zones. */
#ifndef SERVICES_BACKEND_DOMAIN_TIME_ZONE_H
#define SERVICES_BACKEND_DOMAIN_TIME_ZONE_H

#include <stdbool.h>

/** Return whether `name` is that of a zone, or a link to one, in the IANA database (as of release
 *  2025b), letter by letter: "Europe/Berlin", "UTC". */
bool time_zone_is_known(const char *name);

/** Return that name in static storage, NULL when it is not known. */
const char *time_zone_find(const char *name);

#endif
