/* common/net/router.h — from a method and a path to the row of a routes table. Pure. */
#ifndef COMMON_NET_ROUTER_H
#define COMMON_NET_ROUTER_H

#include <stddef.h>

#include "common/net/http_server.h"

enum { ROUTER_SEGMENTS_MAX = 16 };

struct router;

/** What a path matched. */
struct router_match {
    const struct route *route; /* NULL: no row has this method and path */
    unsigned methods;          /* that rows have for this path; 0: unknown path */
    unsigned char n_params;
    unsigned char params[HTTP_PARAMS_MAX]; /* the segments that are parameters, in order */
};

/** Borrow `routes`. A bad path, or a row twice, is an assertion. */
struct router *router_new(const struct route *routes, size_t n_routes);
void router_free(struct router *router); /* NULL is fine */

/** Find the row for `segments`, the decoded parts of the path between its slashes. A literal
 *  segment wins over a parameter. HTTP_HEAD is looked up as HTTP_GET. */
void router_find(const struct router *router, enum http_method method, const char *const *segments,
                 size_t n_segments, struct router_match *match);

/** Return the place of `{name}` among the parameters of the route, -1 when it has none. */
int router_param_index(const struct route *route, const char *name);

#endif
