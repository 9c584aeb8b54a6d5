/* services/websocket/domain/uuid_hash.h — spreads ids over a table (FNV-1a, 64 bits). */
#ifndef SERVICES_WEBSOCKET_DOMAIN_UUID_HASH_H
#define SERVICES_WEBSOCKET_DOMAIN_UUID_HASH_H

#include <stdint.h>

#include "common/base/uuid.h"

static inline uint64_t uuid_hash(const struct uuid *id)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    for (const char *at = id->text; *at; at++)
        hash = (hash ^ (unsigned char)*at) * UINT64_C(1099511628211);
    return hash ^ hash >> 32;
}

#endif
