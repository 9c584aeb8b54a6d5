/* services/backend/domain/cookie.h — the refresh cookie, both ways, and the origin check that stands
 * beside SameSite. Source: RFC 6265bis §4.1, §4.2; RFC 6454 §6.2; Fetch Metadata. */
#ifndef SERVICES_BACKEND_DOMAIN_COOKIE_H
#define SERVICES_BACKEND_DOMAIN_COOKIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"

#define COOKIE_REFRESH "todo_refresh"
#define COOKIE_REFRESH_PATH "/api/v1/session"

/** Return the value of cookie `name` in a Cookie header (NULL: none), in the arena; NULL when it is
 *  not there, or stands twice with different values. */
const char *cookie_find(const char *header, const char *name, struct arena *arena);

/** Return the Set-Cookie value that keeps `token` for `life_s` seconds; 0 removes the cookie. */
const char *cookie_write_refresh(const char *token, int64_t life_s, bool is_secure,
                                 struct arena *arena);

/** Return whether a request with these headers (NULL: absent) may act by a cookie: a browser names
 *  our own origin; what is no browser sends neither header. */
bool cookie_is_same_origin(const char *origin, const char *sec_fetch_site, const char *public_url);

#endif
