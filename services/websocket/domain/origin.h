/* services/websocket/domain/origin.h — which pages may open a WebSocket (RFC 6455 §10.2). */
#ifndef SERVICES_WEBSOCKET_DOMAIN_ORIGIN_H
#define SERVICES_WEBSOCKET_DOMAIN_ORIGIN_H

#include <stdbool.h>

#include "common/base/err.h"

/** Fail with ERR_FORBIDDEN unless `origin` stands, letter by letter, in the comma-separated
 *  `allowed`. Without an Origin (NULL) it is no browser: fine, if it sends no cookie either. */
MUST_CHECK bool origin_check(const char *origin, bool has_cookie, const char *allowed,
                             struct err *err);

#endif
