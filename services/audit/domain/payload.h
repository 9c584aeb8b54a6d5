/* services/audit/domain/payload.h — the data of an event, readable only with its owner's key.
 * Source: libsodium, "XChaCha20-Poly1305 (IETF variant)". */
#ifndef SERVICES_AUDIT_DOMAIN_PAYLOAD_H
#define SERVICES_AUDIT_DOMAIN_PAYLOAD_H

#include <stdbool.h>

#include "common/base/arena.h"
#include "services/audit/domain/entry.h"

enum {
    PAYLOAD_KEY_BYTES = 32,
    PAYLOAD_NONCE_BYTES = 24,
    PAYLOAD_EXTRA_BYTES = 40, /* the nonce before and the tag behind the text */
};

/** Seal `text` under `key` and set the entry's payload, in `arena`: nonce ‖ ciphertext ‖ tag, with
 *  the entry's identity as associated data. `nonce` is random and never used twice. */
void payload_seal(struct entry *entry, const char *text, const unsigned char key[PAYLOAD_KEY_BYTES],
                  const unsigned char nonce[PAYLOAD_NONCE_BYTES], struct arena *arena);

/** Return the text of the entry's payload in `arena`, NULL when `key` does not open it: a wrong key,
 *  or a payload or an identity that is not what it was. */
const char *payload_open(const struct entry *entry, const unsigned char key[PAYLOAD_KEY_BYTES],
                         struct arena *arena);

#endif
