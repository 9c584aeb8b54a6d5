#include "common/net/http_proxies.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum { MAPPED_BITS = 96, ADDRESS_BITS = 128, RANGE_SIZE = INET6_ADDRSTRLEN + 4 };

/* Return how many bits the address has of its own: 32 or 128; 0: it is none. */
static int read_address(const char *text, unsigned char address[16])
{
    if (inet_pton(AF_INET6, text, address) == 1)
        return ADDRESS_BITS;
    memset(address, 0, 10);
    memset(address + 10, 0xFF, 2);
    return inet_pton(AF_INET, text, address + 12) == 1 ? ADDRESS_BITS - MAPPED_BITS : 0;
}

/* The n of /n: 0 to `most`; -1: none. */
static int read_bits(const char *text, int most)
{
    char *end;
    long value = strtol(text, &end, 10);

    return *text >= '0' && *text <= '9' && *end == '\0' && value <= most ? (int)value : -1;
}

static bool read_range(const char *text, struct http_proxies *proxies)
{
    unsigned char *start = proxies->ranges[proxies->n_ranges].start;
    char range[RANGE_SIZE];
    char *slash;
    int most, n_bits;

    if (strlen(text) >= sizeof range)
        return false;
    memcpy(range, text, strlen(text) + 1);
    slash = strchr(range, '/');
    if (slash != NULL)
        *slash = '\0';
    most = read_address(range, start);
    n_bits = slash != NULL ? read_bits(slash + 1, most) : most;
    if (most == 0 || n_bits < 0)
        return false;
    proxies->ranges[proxies->n_ranges++].n_bits = ADDRESS_BITS - most + n_bits;
    return true;
}

bool http_proxies_read(const char *text, const char *name, struct http_proxies *proxies,
                       struct err *err)
{
    *proxies = (struct http_proxies){0};
    while (*text != '\0') {
        size_t n_text = strcspn(text, ",");
        char item[RANGE_SIZE] = "";

        if (proxies->n_ranges == HTTP_PROXIES_MAX)
            return err_set(err, ERR_INVALID, "%s: has more than %d ranges", name, HTTP_PROXIES_MAX);
        if (n_text < sizeof item)
            memcpy(item, text, n_text);
        if (!read_range(item, proxies))
            return err_set(err, ERR_INVALID, "%s: \"%.*s\" is no address and no range of addresses",
                           name, (int)n_text, text);
        text += n_text;
        if (*text == ',' && *++text == '\0')
            return err_set(err, ERR_INVALID, "%s: ends with a comma", name);
    }
    return true;
}

bool http_proxies_has(const struct http_proxies *proxies, const char *address)
{
    unsigned char bytes[16];

    if (read_address(address, bytes) == 0)
        return false;
    for (size_t i = 0; i < proxies->n_ranges; i++)
        if (address_range_has(&proxies->ranges[i], bytes))
            return true;
    return false;
}
