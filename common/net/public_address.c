#include "common/net/public_address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/net/address_range.h"

/* A range of addresses: the first `n_bits` of it. */
struct range4 {
    uint32_t start;
    int n_bits;
};

#define IP4(a, b, c, d)                                                                            \
    (((uint32_t)(a) << 24) | ((uint32_t)(b) << 16) | ((uint32_t)(c) << 8) | (uint32_t)(d))

/* IANA IPv4 Special-Purpose Address Registry, less the AS112 and AMT anycast services, which are
 * global; multicast (RFC 5771); and one that a cloud gives a meaning of its own. */
static const struct range4 special4[] = {
    {IP4(0, 0, 0, 0), 8},        /* this network */
    {IP4(10, 0, 0, 0), 8},       /* private use */
    {IP4(100, 64, 0, 0), 10},    /* carriers' NAT */
    {IP4(127, 0, 0, 0), 8},      /* loopback */
    {IP4(168, 63, 129, 16), 32}, /* Azure's own services, reached from within */
    {IP4(169, 254, 0, 0), 16},   /* link local: the clouds' metadata */
    {IP4(172, 16, 0, 0), 12},    /* private use */
    {IP4(192, 0, 0, 0), 24},     /* protocol assignments; Oracle's metadata */
    {IP4(192, 0, 2, 0), 24},     /* documentation */
    {IP4(192, 88, 99, 0), 24},   /* once 6to4 relays */
    {IP4(192, 168, 0, 0), 16},   /* private use */
    {IP4(198, 18, 0, 0), 15},    /* benchmarking */
    {IP4(198, 51, 100, 0), 24},  /* documentation */
    {IP4(203, 0, 113, 0), 24},   /* documentation */
    {IP4(224, 0, 0, 0), 4},      /* multicast */
    {IP4(240, 0, 0, 0), 4},      /* reserved, broadcast */
};

static const struct address_range loopback6 = {{[15] = 1}, 128};
static const struct address_range mapped6 = {{[10] = 0xFF, 0xFF}, 96};    /* RFC 4291 §2.5.5.2 */
static const struct address_range nat64 = {{0x00, 0x64, 0xFF, 0x9B}, 96}; /* RFC 6052 §2.1 */
static const struct address_range six_to_four = {{0x20, 0x02}, 16};       /* RFC 3056 §2 */
static const struct address_range global_unicast = {{0x20}, 3};           /* RFC 4291 §2.4 */

/* Inside global unicast: IANA IPv6 Special-Purpose Address Registry. */
static const struct address_range special6[] = {
    {{0x20, 0x01}, 23},             /* protocol assignments: Teredo, benchmarking, ORCHID */
    {{0x20, 0x01, 0x0D, 0xB8}, 32}, /* documentation */
    {{0x3F, 0xFF}, 20},             /* documentation */
};

bool address_policy_read(const char *ports, bool allows_loopback, struct address_policy *policy,
                         struct err *err)
{
    const char *at = ports;

    *policy = (struct address_policy){.allows_loopback = allows_loopback};
    for (;;) {
        char *end = NULL;
        long port = isdigit((unsigned char)*at) ? strtol(at, &end, 10) : 0;

        if (port < 1 || port > 65535 || (*end != ',' && *end != '\0'))
            return err_set(err, ERR_INVALID,
                           "USER_ADDRESS_PORTS: is not a list of ports in 1..65535 with commas");
        if (policy->n_ports == ADDRESS_PORTS_MAX)
            return err_set(err, ERR_INVALID, "USER_ADDRESS_PORTS: has more than %d ports",
                           ADDRESS_PORTS_MAX);
        policy->ports[policy->n_ports++] = (int)port;
        if (*end == '\0')
            return true;
        at = end + 1;
    }
}

/* -------- one address */

static bool is_within4(uint32_t address, const struct range4 *range)
{
    return (address ^ range->start) >> (32 - range->n_bits) == 0;
}

static bool is_allowed4(const struct address_policy *policy, uint32_t address)
{
    if (address >> 24 == 127)
        return policy->allows_loopback;
    for (size_t i = 0; i < sizeof special4 / sizeof special4[0]; i++)
        if (is_within4(address, &special4[i]))
            return false;
    return true;
}

static uint32_t embedded4(const unsigned char *bytes)
{
    return IP4(bytes[0], bytes[1], bytes[2], bytes[3]);
}

static bool is_allowed6(const struct address_policy *policy, const unsigned char *address)
{
    if (address_range_has(&mapped6, address) || address_range_has(&nat64, address))
        return is_allowed4(policy, embedded4(address + 12));
    if (address_range_has(&six_to_four, address))
        return is_allowed4(policy, embedded4(address + 2));
    if (address_range_has(&loopback6, address))
        return policy->allows_loopback;
    for (size_t i = 0; i < sizeof special6 / sizeof special6[0]; i++)
        if (address_range_has(&special6[i], address))
            return false;
    return address_range_has(&global_unicast, address);
}

bool address_is_allowed(const struct address_policy *policy, const struct sockaddr *address)
{
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;

    if (address->sa_family == AF_INET) {
        memcpy(&in4, address, sizeof in4);
        return is_allowed4(policy, ntohl(in4.sin_addr.s_addr));
    }
    if (address->sa_family != AF_INET6)
        return false;
    memcpy(&in6, address, sizeof in6);
    return is_allowed6(policy, in6.sin6_addr.s6_addr);
}

/* -------- a URL */

/* The printable characters that RFC 3986 gives a place in a URL. */
static bool is_url_character(char c)
{
    return c > ' ' && c <= '~' && strchr("\"<>\\^`{|}", c) == NULL;
}

static bool is_host_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Labels of 1 to 63 letters, digits, hyphens and underscores with a dot between; one may follow. */
static bool is_name(const char *host)
{
    size_t n_label = 0;

    for (const char *c = host; *c != '\0'; c++) {
        if (*c == '.') {
            if (n_label == 0)
                return false;
            n_label = 0;
        } else if (!is_host_character(*c) || ++n_label > 63) {
            return false;
        }
    }
    return host[0] != '\0' && host[0] != '.' && host[0] != '-';
}

/* Take the host off `text`; return what follows, NULL when there is no good one. */
static const char *read_host(const char *text, struct address_url *url)
{
    unsigned char address[16];
    size_t length = strcspn(text, text[0] == '[' ? "]/?#" : ":/?#");

    if (text[0] == '[' && text[length] == ']')
        length++;
    if (length == 0 || length > ADDRESS_HOST_MAX)
        return NULL;
    for (size_t i = 0; i < length; i++)
        url->host[i] = (char)tolower((unsigned char)text[i]);
    url->host[length] = '\0';
    if (text[0] != '[')
        return is_name(url->host) ? text + length : NULL;
    if (url->host[length - 1] != ']')
        return NULL;
    url->host[length - 1] = '\0';
    bool is_good = inet_pton(AF_INET6, url->host + 1, address) == 1;

    url->host[length - 1] = ']';
    return is_good ? text + length : NULL;
}

/* Take the port off `text`, when there is one; return what follows, NULL when it is none. */
static const char *read_port(const char *text, struct address_url *url)
{
    char *end = NULL;

    url->port = url->is_https ? 443 : 80;
    if (text[0] != ':')
        return text;
    if (!isdigit((unsigned char)text[1]))
        return NULL;
    long port = strtol(text + 1, &end, 10);

    if (port < 1 || port > 65535 || end - text > 6)
        return NULL;
    url->port = (int)port;
    return end;
}

bool address_read_url(const char *text, const char *field, struct address_url *url, struct err *err)
{
    size_t length = strlen(text);
    const char *at = text;

    *url = (struct address_url){0};
    if (length > ADDRESS_URL_MAX)
        return err_add_field(err, field, "is %zu bytes long; at most %d", length, ADDRESS_URL_MAX);
    for (const char *c = text; *c != '\0'; c++)
        if (!is_url_character(*c))
            return err_add_field(err, field,
                                 "has a character that URLs do not have, at byte %d; write names "
                                 "in their ASCII form (xn--…) and others as %%XX",
                                 (int)(c - text));
    url->is_https = strncasecmp(text, "https://", 8) == 0;
    if (!url->is_https && strncasecmp(text, "http://", 7) != 0)
        return err_add_field(err, field, "does not begin with https://");
    at += url->is_https ? 8 : 7;
    if (memchr(at, '@', strcspn(at, "/?#")) != NULL)
        return err_add_field(err, field, "has a user's name in it; leave that out");
    if (strchr(at, '#') != NULL)
        return err_add_field(err, field, "has a fragment (#…); leave that out");
    at = read_host(at, url);
    if (at == NULL)
        return err_add_field(err, field, "has no host that could be called");
    at = read_port(at, url);
    if (at == NULL || strchr("/?", *at) == NULL)
        return err_add_field(err, field, "has a bad port");
    return true;
}

/* Of a host without brackets: whether its last label is a number, so that only an IPv4 address can
 * be meant (WHATWG URL §3.5). libcurl and the C library take it as decimal, octal or hexadecimal. */
static bool ends_in_number(const char *host)
{
    const char *dot = strrchr(host, '.'), *label = dot != NULL ? dot + 1 : host;

    if (label[0] == '0' && label[1] == 'x')
        return label[2 + strspn(label + 2, "0123456789abcdef")] == '\0';
    return label[strspn(label, "0123456789")] == '\0';
}

static bool is_localhost(const char *host)
{
    static const char name[] = "localhost";
    size_t n_host = strlen(host), n_name = sizeof name - 1;

    return n_host >= n_name && strcmp(host + n_host - n_name, name) == 0 &&
           (n_host == n_name || host[n_host - n_name - 1] == '.');
}

/* Judge the host as far as it says where it is; a name that must be looked up is fine. */
static bool is_host_allowed(const struct address_policy *policy, const char *host, bool *is_bad)
{
    char plain[ADDRESS_HOST_MAX + 1];
    size_t length = strlen(host);
    struct in6_addr in6;
    struct in_addr in4;

    *is_bad = false;
    memcpy(plain, host, length + 1);
    if (host[0] == '[') {
        plain[length - 1] = '\0';
        return inet_pton(AF_INET6, plain + 1, &in6) == 1 && is_allowed6(policy, in6.s6_addr);
    }
    if (plain[length - 1] == '.')
        plain[length - 1] = '\0';
    if (!ends_in_number(plain))
        return policy->allows_loopback || !is_localhost(plain);
    *is_bad = inet_aton(plain, &in4) == 0;
    return !*is_bad && is_allowed4(policy, ntohl(in4.s_addr));
}

static bool is_port_allowed(const struct address_policy *policy, int port)
{
    for (size_t i = 0; i < policy->n_ports; i++)
        if (policy->ports[i] == port)
            return true;
    return policy->allows_loopback;
}

bool address_check_url(const struct address_policy *policy, const char *text, const char *field,
                       struct err *err)
{
    struct address_url url;
    bool is_bad = false;

    if (!address_read_url(text, field, &url, err))
        return false;
    if (!url.is_https && !policy->allows_loopback)
        return err_add_field(err, field, "does not begin with https://");
    if (!is_port_allowed(policy, url.port))
        return err_add_field(err, field, "has port %d; allowed is %d%s", url.port, policy->ports[0],
                             policy->n_ports > 1 ? " or another set one" : "");
    if (!is_host_allowed(policy, url.host, &is_bad))
        return is_bad ? err_add_field(err, field, "has no host that could be called")
                      : err_add_field(err, field, "is not an address of the public internet");
    return true;
}
