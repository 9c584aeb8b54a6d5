/* common/net/address_range.h — a range of IPv6 addresses, or of IPv4 ones as IPv4-mapped.
 * Source: RFC 4291 §2.3, §2.5.5.2. */
#ifndef COMMON_NET_ADDRESS_RANGE_H
#define COMMON_NET_ADDRESS_RANGE_H

#include <stdbool.h>

/** All addresses that begin with the first `n_bits` (0 to 128) of `start`. */
struct address_range {
    unsigned char start[16];
    int n_bits;
};

/** Return whether the 16 bytes of `address` lie in it. */
bool address_range_has(const struct address_range *range, const unsigned char *address);

#endif
