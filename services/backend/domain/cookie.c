#include "services/backend/domain/cookie.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

const char *cookie_find(const char *header, const char *name, struct arena *arena)
{
    const char *found = NULL;
    size_t n_name = strlen(name);

    for (const char *pair = header; pair != NULL && *pair != '\0';) {
        pair += strspn(pair, " \t;");
        size_t n_pair = strcspn(pair, ";");

        if (n_pair > n_name && pair[n_name] == '=' && strncmp(pair, name, n_name) == 0) {
            size_t n_value = n_pair - n_name - 1;
            char *value = arena_copy_bytes(arena, pair + n_name + 1, n_value);

            while (n_value > 0 && (value[n_value - 1] == ' ' || value[n_value - 1] == '\t'))
                value[--n_value] = '\0';
            if (found != NULL && strcmp(found, value) != 0)
                return NULL;
            found = value;
        }
        pair += n_pair;
    }
    return found;
}

const char *cookie_write_refresh(const char *token, int64_t life_s, bool is_secure,
                                 struct arena *arena)
{
    return arena_format(arena,
                        COOKIE_REFRESH "=%s; Path=" COOKIE_REFRESH_PATH "; Max-Age=%" PRId64
                                       "; HttpOnly; SameSite=Strict%s",
                        token, life_s, is_secure ? "; Secure" : "");
}

/* PUBLIC_URL may end with a slash; an Origin never does. */
static bool is_origin(const char *origin, const char *public_url)
{
    size_t n_bytes = strlen(public_url);

    while (n_bytes > 0 && public_url[n_bytes - 1] == '/')
        n_bytes--;
    return strlen(origin) == n_bytes && strncasecmp(origin, public_url, n_bytes) == 0;
}

bool cookie_is_same_origin(const char *origin, const char *sec_fetch_site, const char *public_url)
{
    if (sec_fetch_site != NULL && strcmp(sec_fetch_site, "same-origin") != 0 &&
        strcmp(sec_fetch_site, "none") != 0)
        return false;
    return origin == NULL || is_origin(origin, public_url);
}
