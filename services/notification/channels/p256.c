#include "services/notification/channels/p256.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

/* `private` may be NULL; NULL when memory lacks. */
static OSSL_PARAM *new_params(const BIGNUM *private, const unsigned char *point)
{
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;

    if (builder &&
        OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point,
                                         P256_POINT_BYTES) == 1 &&
        (!private || OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PRIV_KEY, private) == 1))
        params = OSSL_PARAM_BLD_to_param(builder);
    OSSL_PARAM_BLD_free(builder);
    return params;
}

static EVP_PKEY *read_key(const unsigned char *private, const unsigned char *point)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    BIGNUM *number = private ? BN_bin2bn(private, P256_PRIVATE_BYTES, NULL) : NULL;
    OSSL_PARAM *params = number || !private ? new_params(number, point) : NULL;
    EVP_PKEY *key = NULL;

    if (context && params && EVP_PKEY_fromdata_init(context) == 1 &&
        EVP_PKEY_fromdata(context, &key, private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY,
                          params) != 1)
        key = NULL;
    OSSL_PARAM_free(params);
    EVP_PKEY_CTX_free(context);
    BN_clear_free(number);
    return key;
}

/* Free `key` and return NULL unless `check` finds it good. */
static EVP_PKEY *keep_if(EVP_PKEY *key, int (*check)(EVP_PKEY_CTX *context))
{
    EVP_PKEY_CTX *context = key ? EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL) : NULL;
    bool is_good = context && check(context) == 1;

    EVP_PKEY_CTX_free(context);
    if (is_good)
        return key;
    EVP_PKEY_free(key);
    return NULL;
}

EVP_PKEY *p256_public(const unsigned char point[P256_POINT_BYTES])
{
    return point[0] == 0x04 ? keep_if(read_key(NULL, point), EVP_PKEY_public_check) : NULL;
}

EVP_PKEY *p256_pair(const unsigned char private[P256_PRIVATE_BYTES],
                    const unsigned char point[P256_POINT_BYTES])
{
    return point[0] == 0x04 ? keep_if(read_key(private, point), EVP_PKEY_check) : NULL;
}

EVP_PKEY *p256_new(void)
{
    return EVP_EC_gen("P-256");
}

bool p256_point(const EVP_PKEY *key, unsigned char point[P256_POINT_BYTES])
{
    size_t n_bytes = 0;

    return EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, P256_POINT_BYTES,
                                           &n_bytes) == 1 &&
           n_bytes == P256_POINT_BYTES && point[0] == 0x04;
}

bool p256_agree(EVP_PKEY *own, EVP_PKEY *other, unsigned char secret[P256_PRIVATE_BYTES])
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
    size_t n_bytes = P256_PRIVATE_BYTES;
    bool ok = context && EVP_PKEY_derive_init(context) == 1 &&
              EVP_PKEY_derive_set_peer(context, other) == 1 &&
              EVP_PKEY_derive(context, secret, &n_bytes) == 1 && n_bytes == P256_PRIVATE_BYTES;

    EVP_PKEY_CTX_free(context);
    return ok;
}
