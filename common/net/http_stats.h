/* common/net/http_stats.h — the metrics of one server; series are looked up once, then kept. */
#ifndef COMMON_NET_HTTP_STATS_H
#define COMMON_NET_HTTP_STATS_H

#include <stddef.h>
#include <stdint.h>

#include "common/net/http_server.h"

struct http_stats;

/** Count http_requests_total{port,route,method,status}, http_request_seconds{port,route,method} and
 *  http_connections{port}. All borrowed for the life of the stats; NULL `metrics`: count nothing. */
struct http_stats *http_stats_new(struct metrics *metrics, const char *port,
                                  const struct route *routes, size_t n_routes);
void http_stats_free(struct http_stats *stats); /* NULL is fine */

/** Count a reply. `route` NULL: no row matched. */
void http_stats_count(struct http_stats *stats, const struct route *route, enum http_method method,
                      int status, int64_t took_us);
/** Count what never became a request. */
void http_stats_count_refused(struct http_stats *stats, int status);
void http_stats_set_connections(struct http_stats *stats, size_t n_connections);

/** Return the name of a method. Static. */
const char *http_method_name(enum http_method method);

#endif
