/* services/notification/channels/push_seal.h — encrypt a push message so that the browser alone reads it:
 * RFC 8291 over the content coding aes128gcm of RFC 8188, in a single record. */
#ifndef SERVICES_NOTIFICATION_CHANNELS_PUSH_SEAL_H
#define SERVICES_NOTIFICATION_CHANNELS_PUSH_SEAL_H

#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "services/notification/channels/p256.h"

enum {
    PUSH_AUTH_BYTES = 16,
    PUSH_SALT_BYTES = 16,
    PUSH_KEY_BYTES = 16,
    PUSH_NONCE_BYTES = 12,
    PUSH_RECORD_BYTES = 4096,
    PUSH_PLAIN_MAX = 3993, /* RFC 8291 §4: what fits a body of 4096 bytes */
};

/** The subscription's keys, as the browser gave them. */
struct push_receiver {
    unsigned char point[P256_POINT_BYTES];
    unsigned char auth[PUSH_AUTH_BYTES];
};

/** What is drawn anew for each message. */
struct push_once {
    EVP_PKEY *key;
    unsigned char salt[PUSH_SALT_BYTES];
};

/** Read base64url of both, padded or not. ERR_INVALID when one is not of its length. */
MUST_CHECK bool push_read_receiver(const char *p256dh, const char *auth,
                                   struct push_receiver *receiver, struct err *err);

/** Append head and ciphertext of at most PUSH_PLAIN_MAX bytes. `once` NULL draws key and salt.
 *  ERR_TOO_LARGE; ERR_INVALID when the receiver's key is not on the curve; ERR_INTERNAL. */
MUST_CHECK bool push_seal(const struct push_receiver *receiver, const struct push_once *once,
                          const void *plain, size_t n_plain, struct buf *body, struct err *err);

/** RFC 5869 with SHA-256, of at most 32 bytes. For push_seal.c and its test. */
struct push_hkdf {
    const void *salt, *secret, *info;
    size_t n_salt, n_secret, n_info;
};
MUST_CHECK bool push_hkdf(const struct push_hkdf *input, unsigned char *out, size_t n_out);

#endif
