/* common/net/http_query.h — query parameters that are more than text. Each reader leaves what it is to
 * fill as it is when the parameter is absent, and adds a field entry when it is not as it must be. */
#ifndef COMMON_NET_HTTP_QUERY_H
#define COMMON_NET_HTTP_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/uuid.h"

struct http_request;

/** Read a UUID; absent, it is wrong only where it is required. */
MUST_CHECK bool http_query_uuid(struct http_request *req, const char *name, bool is_required,
                                struct uuid *id, struct err *err);

/** Read a whole number from `min` (0 or more) to `max`, of at most 18 digits. */
MUST_CHECK bool http_query_number(struct http_request *req, const char *name, int64_t min,
                                  int64_t max, int64_t *number, struct err *err);

#endif
