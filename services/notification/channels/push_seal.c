#include "services/notification/channels/push_seal.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <sodium.h>
#include <string.h>

/* How it works: both sides agree on a secret by ECDH of the browser's key and one of ours that serves
 * for this message alone. HKDF mixes it with the subscription's `auth` to the input keying material,
 * and that with a random salt to key and nonce of AES-128-GCM. Salt and our public key stand in front
 * of the ciphertext. */

enum { HASH_BYTES = 32, INFO_MAX = 256, TAG_BYTES = 16 };

static bool read_base64(const char *text, unsigned char *bytes, size_t n_bytes)
{
    size_t n_read = 0, n_text = strlen(text);

    while (n_text > 0 && text[n_text - 1] == '=')
        n_text--;
    return sodium_base642bin(bytes, n_bytes, text, n_text, NULL, &n_read, NULL,
                             sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
           n_read == n_bytes;
}

bool push_read_receiver(const char *p256dh, const char *auth, struct push_receiver *receiver,
                        struct err *err)
{
    if (!read_base64(p256dh, receiver->point, P256_POINT_BYTES))
        return err_set(err, ERR_INVALID, "p256dh is not the base64url of %d bytes",
                       P256_POINT_BYTES);
    if (!read_base64(auth, receiver->auth, PUSH_AUTH_BYTES))
        return err_set(err, ERR_INVALID, "auth is not the base64url of %d bytes", PUSH_AUTH_BYTES);
    return true;
}

bool push_hkdf(const struct push_hkdf *input, unsigned char *out, size_t n_out)
{
    unsigned char extracted[HASH_BYTES], expanded[HASH_BYTES], info[INFO_MAX];
    unsigned n_hash = HASH_BYTES;

    assert(n_out <= HASH_BYTES && input->n_info < INFO_MAX);
    memcpy(info, input->info, input->n_info);
    info[input->n_info] = 1; /* the first block, and the only one */
    bool ok = HMAC(EVP_sha256(), input->salt, (int)input->n_salt, input->secret, input->n_secret,
                   extracted, &n_hash) != NULL &&
              HMAC(EVP_sha256(), extracted, HASH_BYTES, info, input->n_info + 1, expanded,
                   &n_hash) != NULL;

    if (ok)
        memcpy(out, expanded, n_out);
    OPENSSL_cleanse(extracted, sizeof extracted);
    OPENSSL_cleanse(expanded, sizeof expanded);
    return ok;
}

struct push_keys {
    unsigned char key[PUSH_KEY_BYTES], nonce[PUSH_NONCE_BYTES];
};

/* RFC 8291 §3.4 */
static bool derive_keys(const struct push_receiver *receiver, const unsigned char *secret,
                        const unsigned char *our_point, const unsigned char *salt,
                        struct push_keys *keys)
{
    static const char intro[] = "WebPush: info", for_key[] = "Content-Encoding: aes128gcm",
                      for_nonce[] = "Content-Encoding: nonce"; /* each with its NUL */
    unsigned char info[sizeof intro + 2 * P256_POINT_BYTES], material[HASH_BYTES];
    struct push_hkdf step = {.salt = receiver->auth,
                             .n_salt = PUSH_AUTH_BYTES,
                             .secret = secret,
                             .n_secret = P256_PRIVATE_BYTES,
                             .info = info,
                             .n_info = sizeof info};

    memcpy(info, intro, sizeof intro);
    memcpy(info + sizeof intro, receiver->point, P256_POINT_BYTES);
    memcpy(info + sizeof intro + P256_POINT_BYTES, our_point, P256_POINT_BYTES);
    bool ok = push_hkdf(&step, material, sizeof material);

    step = (struct push_hkdf){.salt = salt,
                              .n_salt = PUSH_SALT_BYTES,
                              .secret = material,
                              .n_secret = sizeof material,
                              .info = for_key,
                              .n_info = sizeof for_key};
    ok = ok && push_hkdf(&step, keys->key, sizeof keys->key);
    step.info = for_nonce;
    step.n_info = sizeof for_nonce;
    ok = ok && push_hkdf(&step, keys->nonce, sizeof keys->nonce);
    OPENSSL_cleanse(material, sizeof material);
    return ok;
}

/* Append the one record: the text, the delimiter of the last record, the tag. */
static bool encrypt(const struct push_keys *keys, const void *plain, size_t n_plain,
                    struct buf *body)
{
    static const unsigned char last = 2; /* RFC 8188 §2 */
    unsigned char out[PUSH_PLAIN_MAX + 1 + TAG_BYTES];
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int n_text = 0, n_last = 0, n_end = 0;
    bool ok = context &&
              EVP_EncryptInit_ex(context, EVP_aes_128_gcm(), NULL, keys->key, keys->nonce) == 1 &&
              EVP_EncryptUpdate(context, out, &n_text, plain, (int)n_plain) == 1 &&
              EVP_EncryptUpdate(context, out + n_text, &n_last, &last, 1) == 1 &&
              EVP_EncryptFinal_ex(context, out + n_text + n_last, &n_end) == 1 &&
              EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, out + n_plain + 1) == 1;

    EVP_CIPHER_CTX_free(context);
    if (ok)
        buf_add(body, out, n_plain + 1 + TAG_BYTES);
    return ok;
}

static bool seal_with(const struct push_receiver *receiver, EVP_PKEY *theirs,
                      const struct push_once *once, struct push_keys *keys, struct buf *body)
{
    static const unsigned char size_and_length[] = {0, 0, PUSH_RECORD_BYTES / 256, 0,
                                                    P256_POINT_BYTES};
    unsigned char secret[P256_PRIVATE_BYTES], point[P256_POINT_BYTES];
    bool ok = p256_point(once->key, point) && p256_agree(once->key, theirs, secret) &&
              derive_keys(receiver, secret, point, once->salt, keys);

    OPENSSL_cleanse(secret, sizeof secret);
    if (!ok)
        return false;
    buf_add(body, once->salt, PUSH_SALT_BYTES);
    buf_add(body, size_and_length, sizeof size_and_length);
    buf_add(body, point, sizeof point);
    return true;
}

bool push_seal(const struct push_receiver *receiver, const struct push_once *once,
               const void *plain, size_t n_plain, struct buf *body, struct err *err)
{
    struct push_once fresh = {0};
    struct push_keys keys;
    EVP_PKEY *theirs;
    bool ok;

    if (n_plain > PUSH_PLAIN_MAX)
        return err_set(err, ERR_TOO_LARGE, "the message has %zu bytes; at most %d", n_plain,
                       PUSH_PLAIN_MAX);
    theirs = p256_public(receiver->point);
    if (!theirs)
        return err_set(err, ERR_INVALID, "p256dh is not a point of P-256");
    if (!once) {
        fresh.key = p256_new();
        ok = fresh.key && RAND_bytes(fresh.salt, sizeof fresh.salt) == 1;
    } else {
        ok = true;
    }
    ok = ok && seal_with(receiver, theirs, once ? once : &fresh, &keys, body) &&
         encrypt(&keys, plain, n_plain, body);
    OPENSSL_cleanse(&keys, sizeof keys);
    EVP_PKEY_free(fresh.key);
    EVP_PKEY_free(theirs);
    return ok || err_set(err, ERR_INTERNAL, "a push message could not be encrypted");
}
