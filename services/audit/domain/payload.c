#include "services/audit/domain/payload.h"

#include <sodium.h>
#include <string.h>

_Static_assert(PAYLOAD_KEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "key");
_Static_assert(PAYLOAD_NONCE_BYTES == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "nonce");
_Static_assert(PAYLOAD_EXTRA_BYTES ==
                   PAYLOAD_NONCE_BYTES + crypto_aead_xchacha20poly1305_ietf_ABYTES,
               "nonce and tag");

void payload_seal(struct entry *entry, const char *text, const unsigned char key[PAYLOAD_KEY_BYTES],
                  const unsigned char nonce[PAYLOAD_NONCE_BYTES], struct arena *arena)
{
    size_t n_text = strlen(text);
    unsigned char *payload = arena_new(arena, n_text + PAYLOAD_EXTRA_BYTES);
    struct buf identity;

    buf_init(&identity);
    entry_write_identity(entry, &identity);
    memcpy(payload, nonce, PAYLOAD_NONCE_BYTES);
    crypto_aead_xchacha20poly1305_ietf_encrypt(
        payload + PAYLOAD_NONCE_BYTES, NULL, (const unsigned char *)text, n_text,
        (const unsigned char *)identity.bytes, identity.n_bytes, NULL, nonce, key);
    buf_clear(&identity);
    entry->payload = payload;
    entry->n_payload = n_text + PAYLOAD_EXTRA_BYTES;
}

const char *payload_open(const struct entry *entry, const unsigned char key[PAYLOAD_KEY_BYTES],
                         struct arena *arena)
{
    unsigned char *text;
    struct buf identity;
    int failed;

    if (entry->payload == NULL || entry->n_payload < PAYLOAD_EXTRA_BYTES)
        return NULL;
    text = arena_new(arena, entry->n_payload - PAYLOAD_EXTRA_BYTES + 1);
    buf_init(&identity);
    entry_write_identity(entry, &identity);
    failed = crypto_aead_xchacha20poly1305_ietf_decrypt(
        text, NULL, NULL, entry->payload + PAYLOAD_NONCE_BYTES,
        entry->n_payload - PAYLOAD_NONCE_BYTES, (const unsigned char *)identity.bytes,
        identity.n_bytes, entry->payload, key);
    buf_clear(&identity);
    return failed ? NULL : (const char *)text;
}
