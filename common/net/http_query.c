#include "common/net/http_query.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/net/http_server.h"

enum { DIGITS_MAX = 18 };

bool http_query_uuid(struct http_request *req, const char *name, bool is_required, struct uuid *id,
                     struct err *err)
{
    const char *text = http_query(req, name, err);

    if (err_is_set(err))
        return false;
    if (text == NULL)
        return !is_required || err_add_field(err, name, "is missing");
    return uuid_read(text, id) || err_add_field(err, name, "is not a UUID");
}

bool http_query_number(struct http_request *req, const char *name, int64_t min, int64_t max,
                       int64_t *number, struct err *err)
{
    const char *text = http_query(req, name, err);
    size_t n_digits;
    int64_t value;

    if (text == NULL)
        return !err_is_set(err);
    n_digits = strspn(text, "0123456789");
    value = n_digits > 0 && n_digits <= DIGITS_MAX && text[n_digits] == '\0'
                ? strtoll(text, NULL, 10)
                : -1;
    if (value < min || value > max)
        return err_add_field(err, name, "must be a whole number from %" PRId64 " to %" PRId64, min,
                             max);
    *number = value;
    return true;
}
