/* common/seal/sealed.c — a sealed text is "<kid>.<base64url of nonce and box>". The kid is outside of the
 * box: who changes it gets the wrong key, and the box does not open. */
#include "common/seal/sealed.h"

#include <sodium.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/dapr/secrets.h"

enum { KID_MAX = 64, KEYS_MAX = 8, SEALED_MAX = 65536 };
enum { NONCE_BYTES = crypto_secretbox_xchacha20poly1305_NONCEBYTES };
enum { MAC_BYTES = crypto_secretbox_xchacha20poly1305_MACBYTES };
enum { KEY_BYTES = crypto_secretbox_xchacha20poly1305_KEYBYTES };

static const int BASE64 = sodium_base64_VARIANT_URLSAFE_NO_PADDING;

struct seal_key {
    char kid[KID_MAX + 1];
    unsigned char bytes[KEY_BYTES];
};

struct seal_keys {
    struct seal_key keys[KEYS_MAX];
    size_t n_keys; /* 0: not set */
    size_t active;
};

struct seal_keys *seal_keys_new(void)
{
    return MEM_NEW(struct seal_keys);
}

void seal_keys_free(struct seal_keys *keys)
{
    if (keys == NULL)
        return;
    sodium_memzero(keys, sizeof *keys);
    mem_free(keys);
}

bool seal_keys_is_set(const struct seal_keys *keys)
{
    return keys->n_keys > 0;
}

static bool read_key(const struct secret_pair *pair, struct seal_key *key, struct err *err)
{
    size_t n_bytes = 0;

    if (strlen(pair->name) > KID_MAX || strchr(pair->name, '.') != NULL)
        return err_set(err, ERR_INVALID, "a kid is longer than %d characters or has a dot",
                       KID_MAX);
    memcpy(key->kid, pair->name, strlen(pair->name) + 1);
    if (sodium_base642bin(key->bytes, sizeof key->bytes, pair->value, strlen(pair->value), " \r\n",
                          &n_bytes, NULL, sodium_base64_VARIANT_ORIGINAL) != 0 ||
        n_bytes != sizeof key->bytes)
        return err_set(err, ERR_INVALID, "key %s is not the base64 of %d bytes", key->kid,
                       KEY_BYTES);
    return true;
}

static bool read_keys(struct seal_keys *keys, const struct secret *secret, struct err *err)
{
    const char *active = secret_value(secret, "active");

    if (active == NULL)
        return err_set(err, ERR_INVALID, "the secret has no pair \"active\"");
    keys->active = KEYS_MAX;
    for (size_t i = 0; i < secret->n_pairs; i++) {
        const struct secret_pair *pair = &secret->pairs[i];

        if (strcmp(pair->name, "active") == 0)
            continue;
        if (keys->n_keys == KEYS_MAX)
            return err_set(err, ERR_INVALID, "the secret has more than %d keys", KEYS_MAX);
        if (!read_key(pair, &keys->keys[keys->n_keys], err))
            return false;
        if (strcmp(pair->name, active) == 0)
            keys->active = keys->n_keys;
        keys->n_keys++;
    }
    if (keys->active == KEYS_MAX)
        return err_set(err, ERR_INVALID, "\"active\" names no key of the secret");
    return true;
}

bool seal_keys_set(struct seal_keys *keys, const struct secret *secret, struct err *err)
{
    struct seal_keys new = {0};
    bool ok = read_keys(&new, secret, err);

    if (ok)
        *keys = new;
    sodium_memzero(&new, sizeof new);
    return ok;
}

bool seal_text(const struct seal_keys *keys, const char *text, struct arena *arena,
               const char **sealed, struct err *err)
{
    const struct seal_key *key = &keys->keys[keys->active];
    size_t n_text = strlen(text), n_box = NONCE_BYTES + MAC_BYTES + n_text;

    if (keys->n_keys == 0)
        return err_set(err, ERR_UNAVAILABLE, "the sealing keys have not been read yet");
    if (n_text > SEALED_MAX / 2)
        return err_set(err, ERR_TOO_LARGE, "a text to seal has %zu bytes; at most %d", n_text,
                       SEALED_MAX / 2);
    unsigned char *box = arena_new(arena, n_box);
    size_t n_base64 = sodium_base64_encoded_len(n_box, BASE64);
    char *base64 = arena_new(arena, n_base64);

    randombytes_buf(box, NONCE_BYTES);
    crypto_secretbox_xchacha20poly1305_easy(box + NONCE_BYTES, (const unsigned char *)text, n_text,
                                            box, key->bytes);
    sodium_bin2base64(base64, n_base64, box, n_box, BASE64);
    *sealed = arena_format(arena, "%s.%s", key->kid, base64);
    return true;
}

static const struct seal_key *find_key(const struct seal_keys *keys, const char *kid, size_t n_kid)
{
    for (size_t i = 0; i < keys->n_keys; i++)
        if (strlen(keys->keys[i].kid) == n_kid && memcmp(keys->keys[i].kid, kid, n_kid) == 0)
            return &keys->keys[i];
    return NULL;
}

bool seal_open(const struct seal_keys *keys, const char *sealed, struct arena *arena,
               const char **text, struct err *err)
{
    size_t n_sealed = strlen(sealed), n_box = 0;
    const char *dot = strchr(sealed, '.');

    if (keys->n_keys == 0)
        return err_set(err, ERR_UNAVAILABLE, "the sealing keys have not been read yet");
    const struct seal_key *key = dot != NULL && n_sealed <= SEALED_MAX
                                     ? find_key(keys, sealed, (size_t)(dot - sealed))
                                     : NULL;

    if (key == NULL)
        return err_set(err, ERR_INVALID, "no key opens the sealed text");
    unsigned char *box = arena_new(arena, n_sealed);
    char *opened = arena_new(arena, n_sealed);

    if (sodium_base642bin(box, n_sealed, dot + 1, strlen(dot + 1), NULL, &n_box, NULL, BASE64) !=
            0 ||
        n_box < NONCE_BYTES + MAC_BYTES ||
        crypto_secretbox_xchacha20poly1305_open_easy((unsigned char *)opened, box + NONCE_BYTES,
                                                     n_box - NONCE_BYTES, box, key->bytes) != 0)
        return err_set(err, ERR_INVALID, "the sealed text was changed or is none");
    *text = opened; /* the arena's bytes are zero behind it */
    return true;
}
