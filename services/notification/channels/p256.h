/* services/notification/channels/p256.h — keys on the curve P-256, by OpenSSL's libcrypto. */
#ifndef SERVICES_NOTIFICATION_CHANNELS_P256_H
#define SERVICES_NOTIFICATION_CHANNELS_P256_H

#include <stdbool.h>

#include <openssl/types.h>

enum { P256_POINT_BYTES = 65, P256_PRIVATE_BYTES = 32 };

/** Return a public key of an uncompressed point (SEC 1 §2.3.3); NULL when it is not on the curve. Freed
 *  by EVP_PKEY_free, like those below. */
EVP_PKEY *p256_public(const unsigned char point[P256_POINT_BYTES]);
/** Return a key pair; NULL when the two do not belong together. */
EVP_PKEY *p256_pair(const unsigned char private[P256_PRIVATE_BYTES],
                    const unsigned char point[P256_POINT_BYTES]);
EVP_PKEY *p256_new(void); /* a random pair */
bool p256_point(const EVP_PKEY *key, unsigned char point[P256_POINT_BYTES]);

/** The shared secret of one's private and the other's public key (RFC 5903 §9: the x coordinate). */
bool p256_agree(EVP_PKEY *own, EVP_PKEY *other, unsigned char secret[P256_PRIVATE_BYTES]);

#endif
