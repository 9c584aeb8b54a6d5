/* common/net/public_address.h — addresses that users give us to call: push endpoints and webhooks.
 *
 * A URL is judged by what it says when it is saved and when it is used; the addresses that its host
 * resolves to are judged when it is saved (all of them) and when it is used (the very one that is
 * connected to: http_client_guard). So a name that changes in between gains nothing.
 * Source: RFC 6890 and IANA's registries of special-purpose addresses; RFC 3986; RFC 6052 (NAT64). */
#ifndef COMMON_NET_PUBLIC_ADDRESS_H
#define COMMON_NET_PUBLIC_ADDRESS_H

#include <stddef.h>

#include "common/base/config.h"
#include "common/base/err.h"

struct loop;
struct sockaddr;

enum { ADDRESS_URL_MAX = 2000, ADDRESS_HOST_MAX = 253, ADDRESS_PORTS_MAX = 8 };

/** What is allowed beside public addresses by https. */
struct address_policy {
    int ports[ADDRESS_PORTS_MAX];
    size_t n_ports;
    bool allows_loopback; /* for tests: loopback addresses, http and every port too */
};

/** Rows of a service's config table; `ports` is a const char * and `loopback` a bool. */
#define ADDRESS_CONFIG_KEYS(type, ports, loopback)                                                 \
    CONFIG_TEXT(type, ports, "USER_ADDRESS_PORTS", "443", 1, 47,                                   \
                "ports of addresses that users give, with commas"),                                \
        CONFIG_BOOL(type, loopback, "USER_ADDRESS_LOOPBACK", "false",                              \
                    "for tests: users may give loopback addresses, http and any port")

/** Read the two settings: one to ADDRESS_PORTS_MAX ports with commas. ERR_INVALID names the setting. */
MUST_CHECK bool address_policy_read(const char *ports, bool allows_loopback,
                                    struct address_policy *policy, struct err *err);

/** What a URL says. */
struct address_url {
    bool is_https;
    char host[ADDRESS_HOST_MAX + 1]; /* in lower case; an IPv6 address has its brackets */
    int port;                        /* the scheme's where none is named */
};

/** Read an https or http URL of at most ADDRESS_URL_MAX bytes of printable ASCII: scheme, host, maybe
 *  port, path and query; no user, password or fragment. More strictly than libcurl does, so that it
 *  cannot see another host. Fail with an entry for `field`. */
MUST_CHECK bool address_read_url(const char *text, const char *field, struct address_url *url,
                                 struct err *err);

/** Judge a URL by what it says: readable as above, https, an allowed port; a host that is an address,
 *  in whatever form, must be a public one. Fail with an entry for `field` ("endpoint") that says
 *  what is wrong. */
MUST_CHECK bool address_check_url(const struct address_policy *policy, const char *url,
                                  const char *field, struct err *err);

/** Return whether to connect to this address: family AF_INET or AF_INET6, its port is not looked at.
 *  IPv6 addresses that stand for an IPv4 one (mapped, NAT64, 6to4) are judged as that. */
bool address_is_allowed(const struct address_policy *policy, const struct sockaddr *address);

/** Looks names up as the system does (getaddrinfo), on threads of its own, a few at once. Not evdns:
 *  it takes no answer that is longer than a datagram, and libcurl asks the system too. */
struct address_resolver;
struct address_resolver *address_resolver_new(struct loop *loop);
/** Call `done` of those that run with ERR_UNAVAILABLE before return. NULL is fine. */
void address_resolver_free(struct address_resolver *resolver);

/** What to look up. Borrowed until return. */
struct address_question {
    const struct address_policy *policy; /* borrowed until `done` */
    const char *url;
    const char *field; /* static: names the URL in errors */
    int limit_ms;
};

/** Receive NULL when every address of the host is allowed. Else ERR_INVALID with an entry for the
 *  field (not allowed, no such host), or ERR_UNAVAILABLE or ERR_TIMEOUT (no answer of the name
 *  service: trying again helps). */
typedef void address_checked_fn(void *arg, const struct err *err);

/** Judge the URL as address_check_url does, then all addresses of its host. `done` runs once, never
 *  before returning. */
void address_check_host(struct address_resolver *resolver, const struct address_question *question,
                        address_checked_fn *done, void *arg);

#endif
