#include "services/backend/domain/idempotency.h"

#include <sodium.h>
#include <string.h>

static bool check_key(const char *key, struct err *err)
{
    size_t length = strlen(key);

    if (length == 0 || length > IDEMPOTENCY_KEY_MAX)
        return err_add_field(err, "Idempotency-Key", "is %zu characters long; must be 1 to %d",
                             length, IDEMPOTENCY_KEY_MAX);
    for (const char *at = key; *at != '\0'; at++)
        if (*at < 0x21 || *at > 0x7E)
            return err_add_field(err, "Idempotency-Key",
                                 "has a character that is not printable ASCII");
    return true;
}

bool idempotency_init(struct idempotency *idempotency, const char *key, const char *target,
                      const char *body, size_t n_bytes, struct err *err)
{
    crypto_generichash_state state;

    *idempotency = (struct idempotency){.key = key};
    if (key == NULL)
        return true;
    if (!check_key(key, err))
        return false;
    /* the NUL keeps the parts apart: no target holds one */
    crypto_generichash_init(&state, NULL, 0, IDEMPOTENCY_HASH_SIZE);
    crypto_generichash_update(&state, (const unsigned char *)target, strlen(target) + 1);
    crypto_generichash_update(&state, (const unsigned char *)body, n_bytes);
    crypto_generichash_final(&state, idempotency->hash, IDEMPOTENCY_HASH_SIZE);
    return true;
}

bool idempotency_check_reply(const struct idempotency *idempotency,
                             const struct idempotency_reply *reply, struct err *err)
{
    if (memcmp(idempotency->hash, reply->hash, IDEMPOTENCY_HASH_SIZE) == 0)
        return true;
    return err_set(err, ERR_KEY_REUSED,
                   "this Idempotency-Key came before with another method, path or body");
}
