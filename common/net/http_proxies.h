/* common/net/http_proxies.h — proxies whose X-Forwarded-For is believed, as ranges of addresses.
 * Source: RFC 4632 (a.b.c.d/n), RFC 4291 §2.3. */
#ifndef COMMON_NET_HTTP_PROXIES_H
#define COMMON_NET_HTTP_PROXIES_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"
#include "common/net/address_range.h"

enum { HTTP_PROXIES_MAX = 16 };

/** A plain value. IPv4 ranges are kept as those of IPv4-mapped addresses. */
struct http_proxies {
    struct address_range ranges[HTTP_PROXIES_MAX];
    size_t n_ranges;
};

/** Read addresses and ranges with commas between, "127.0.0.0/8,::1"; empty: none. ERR_INVALID names
 *  the one that is neither, after `name`, the setting's. */
MUST_CHECK bool http_proxies_read(const char *text, const char *name, struct http_proxies *proxies,
                                  struct err *err);

/** Return whether the numeric `address` is one of them. */
bool http_proxies_has(const struct http_proxies *proxies, const char *address);

#endif
