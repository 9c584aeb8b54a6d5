#include "common/net/address_range.h"

#include <string.h>

bool address_range_has(const struct address_range *range, const unsigned char *address)
{
    int n_bytes = range->n_bits / 8, n_bits = range->n_bits % 8;

    return memcmp(address, range->start, (size_t)n_bytes) == 0 &&
           (n_bits == 0 || (address[n_bytes] ^ range->start[n_bytes]) >> (8 - n_bits) == 0);
}
