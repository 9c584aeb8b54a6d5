/* services/backend/domain/idempotency.h — the key by which a request that is sent again is known
 * again. Source: draft-ietf-httpapi-idempotency-key-header. */
#ifndef SERVICES_BACKEND_DOMAIN_IDEMPOTENCY_H
#define SERVICES_BACKEND_DOMAIN_IDEMPOTENCY_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/uuid.h"

enum { IDEMPOTENCY_KEY_MAX = 255, IDEMPOTENCY_HASH_SIZE = 32 };

struct idempotency {
    const char *key; /* NULL: the client sent none */
    int item;        /* 0: the request itself; from 1: an operation of a batch */
    unsigned char hash[IDEMPOTENCY_HASH_SIZE];
};

/** The reply that was kept for a key. */
struct idempotency_reply {
    bool is_there;
    unsigned char hash[IDEMPOTENCY_HASH_SIZE]; /* of the request that it answered */
    int status;
    struct uuid task_id; /* "" for a batch */
    int64_t version;     /* of the task; 0: none */
    const char *body;    /* NULL: empty */
};

/** Take note of the key (NULL: none; borrowed) and the request it came with. `target` says what is
 *  asked of what: method and path, or the like. Fail with a field entry for "Idempotency-Key" unless it is 1 to 255
 *  printable ASCII characters. */
MUST_CHECK bool idempotency_init(struct idempotency *idempotency, const char *key,
                                 const char *target, const char *body, size_t n_bytes,
                                 struct err *err);

/** Fail with ERR_KEY_REUSED when `reply` answered another request. */
MUST_CHECK bool idempotency_check_reply(const struct idempotency *idempotency,
                                        const struct idempotency_reply *reply, struct err *err);

#endif
