#include "services/websocket/domain/origin.h"

#include <string.h>

bool origin_check(const char *origin, bool has_cookie, const char *allowed, struct err *err)
{
    size_t n_origin;

    if (!origin && !has_cookie)
        return true;
    if (!origin)
        return err_set_slug(err, ERR_FORBIDDEN, "origin_missing",
                            "a request with a cookie must name its Origin");
    n_origin = strlen(origin);
    for (const char *at = allowed; n_origin > 0 && *at;) {
        size_t n_entry;

        at += strspn(at, ", ");
        n_entry = strcspn(at, ", ");
        if (n_entry == n_origin && memcmp(at, origin, n_origin) == 0)
            return true;
        at += n_entry;
    }
    return err_set_slug(err, ERR_FORBIDDEN, "origin_refused", "this Origin may not open a socket");
}
