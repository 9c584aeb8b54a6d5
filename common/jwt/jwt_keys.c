#include "common/jwt/jwt_keys.h"

#include <jwt.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/uuid.h"
#include "common/dapr/secrets.h"

enum { KID_MAX = 64 };

struct jwt_key {
    char kid[KID_MAX + 1];
    unsigned char bytes[JWT_KEY_BYTES];
};

struct jwt_keys {
    struct jwt_key keys[JWT_KEYS_MAX];
    size_t n_keys; /* 0: not set */
    size_t active;
};

struct jwt_keys *jwt_keys_new(void)
{
    return MEM_NEW(struct jwt_keys);
}

void jwt_keys_free(struct jwt_keys *keys)
{
    if (keys == NULL)
        return;
    sodium_memzero(keys, sizeof *keys);
    mem_free(keys);
}

bool jwt_keys_is_set(const struct jwt_keys *keys)
{
    return keys->n_keys > 0;
}

static bool read_key(const struct secret_pair *pair, struct jwt_key *key, struct err *err)
{
    size_t n_bytes = 0;

    if (strlen(pair->name) > KID_MAX)
        return err_set(err, ERR_INVALID, "a kid is longer than %d characters", KID_MAX);
    memcpy(key->kid, pair->name, strlen(pair->name) + 1);
    if (sodium_base642bin(key->bytes, sizeof key->bytes, pair->value, strlen(pair->value), " \r\n",
                          &n_bytes, NULL, sodium_base64_VARIANT_ORIGINAL) != 0 ||
        n_bytes != sizeof key->bytes)
        return err_set(err, ERR_INVALID, "key %s is not the base64 of %d bytes", key->kid,
                       JWT_KEY_BYTES);
    return true;
}

static bool read_keys(struct jwt_keys *keys, const struct secret *secret, struct err *err)
{
    const char *active = secret_value(secret, "active");

    if (active == NULL)
        return err_set(err, ERR_INVALID, "the secret has no pair \"active\"");
    keys->active = JWT_KEYS_MAX;
    for (size_t i = 0; i < secret->n_pairs; i++) {
        const struct secret_pair *pair = &secret->pairs[i];

        if (strcmp(pair->name, "active") == 0)
            continue;
        if (keys->n_keys == JWT_KEYS_MAX)
            return err_set(err, ERR_INVALID, "the secret has more than %d keys", JWT_KEYS_MAX);
        if (!read_key(pair, &keys->keys[keys->n_keys], err))
            return false;
        if (strcmp(pair->name, active) == 0)
            keys->active = keys->n_keys;
        keys->n_keys++;
    }
    if (keys->active == JWT_KEYS_MAX)
        return err_set(err, ERR_INVALID, "\"active\" names no key of the secret");
    return true;
}

bool jwt_keys_set(struct jwt_keys *keys, const struct secret *secret, struct err *err)
{
    struct jwt_keys new = {0};
    bool ok = read_keys(&new, secret, err);

    if (ok)
        *keys = new;
    sodium_memzero(&new, sizeof new);
    return ok;
}

static int add_text(jwt_t *jwt, const char *name, const char *value)
{
    return value != NULL ? jwt_add_grant(jwt, name, value) : 0;
}

static int add_claims(jwt_t *jwt, const struct jwt_claims *claims, const char *kid)
{
    int failed = jwt_add_header(jwt, "kid", kid);

    failed |= jwt_add_grant(jwt, "iss", JWT_ISSUER);
    failed |= jwt_add_grant(jwt, "aud", claims->audience);
    failed |= jwt_add_grant(jwt, "sub", claims->subject);
    failed |= add_text(jwt, "sid", claims->session_id);
    failed |= add_text(jwt, "jti", claims->id);
    failed |= add_text(jwt, "action", claims->action);
    failed |= add_text(jwt, "task_id", claims->task_id);
    failed |= add_text(jwt, "reminder_id", claims->reminder_id);
    if (claims->generation > 0)
        failed |= jwt_add_grant_int(jwt, "generation", claims->generation);
    if (claims->seq >= 0)
        failed |= jwt_add_grant_int(jwt, "seq", claims->seq);
    failed |= jwt_add_grant_int(jwt, "iat", claims->issued_at_s);
    return failed | jwt_add_grant_int(jwt, "exp", claims->expires_at_s);
}

bool jwt_sign(const struct jwt_keys *keys, const struct jwt_claims *claims, struct arena *arena,
              const char **token, struct err *err)
{
    const struct jwt_key *key = &keys->keys[keys->active];
    jwt_t *jwt = NULL;
    char *text = NULL;

    if (keys->n_keys == 0)
        return err_set(err, ERR_UNAVAILABLE, "the signing keys have not been read yet");
    if (jwt_new(&jwt) == 0 && add_claims(jwt, claims, key->kid) == 0 &&
        jwt_set_alg(jwt, JWT_ALG_HS256, key->bytes, sizeof key->bytes) == 0)
        text = jwt_encode_str(jwt);
    jwt_free(jwt);
    if (text == NULL)
        return err_set(err, ERR_INTERNAL, "a token could not be signed");
    *token = arena_copy_text(arena, text);
    free(text);
    return true;
}

static bool refuse(struct err *err)
{
    return err_set(err, ERR_UNAUTHENTICATED, "the token is not valid");
}

/* Without a key libjwt verifies nothing and forgets the algorithm, but keeps the header: what it
 * says is only used to choose the key. */
static const struct jwt_key *find_key(const struct jwt_keys *keys, const char *token)
{
    const struct jwt_key *found = NULL;
    jwt_t *jwt = NULL;

    if (jwt_decode(&jwt, token, NULL, 0) != 0)
        return NULL;
    const char *kid = jwt_get_header(jwt, "kid");
    const char *algorithm = jwt_get_header(jwt, "alg");

    if (kid != NULL && algorithm != NULL && strcmp(algorithm, "HS256") == 0)
        for (size_t i = 0; i < keys->n_keys && found == NULL; i++)
            if (strcmp(keys->keys[i].kid, kid) == 0)
                found = &keys->keys[i];
    jwt_free(jwt);
    return found;
}

static bool has_text(jwt_t *jwt, const char *name, const char *wanted)
{
    const char *value = jwt_get_grant(jwt, name);

    return value != NULL && strcmp(value, wanted) == 0;
}

static bool read_claims(jwt_t *jwt, int64_t now_ms, struct arena *arena, struct jwt_claims *claims,
                        struct err *err)
{
    const char *subject = jwt_get_grant(jwt, "sub");
    const int64_t generation = jwt_get_grant_int(jwt, "generation"); /* -1: there is none */

    if (jwt_get_alg(jwt) != JWT_ALG_HS256 || !has_text(jwt, "iss", JWT_ISSUER) ||
        !has_text(jwt, "aud", claims->audience) || subject == NULL || !uuid_is_valid(subject))
        return refuse(err);
    *claims = (struct jwt_claims){
        .audience = claims->audience,
        .subject = arena_copy_text(arena, subject),
        .session_id = arena_copy_text(arena, jwt_get_grant(jwt, "sid")),
        .id = arena_copy_text(arena, jwt_get_grant(jwt, "jti")),
        .action = arena_copy_text(arena, jwt_get_grant(jwt, "action")),
        .task_id = arena_copy_text(arena, jwt_get_grant(jwt, "task_id")),
        .reminder_id = arena_copy_text(arena, jwt_get_grant(jwt, "reminder_id")),
        .generation = generation > 0 ? generation : 0,
        .seq = jwt_get_grant_int(jwt, "seq"),
        .issued_at_s = jwt_get_grant_int(jwt, "iat"),
        .expires_at_s = jwt_get_grant_int(jwt, "exp"),
    };
    if (claims->expires_at_s <= now_ms / 1000)
        return err_set_slug(err, ERR_UNAUTHENTICATED, "token_expired", "the token has expired");
    return true;
}

bool jwt_verify(const struct jwt_keys *keys, const char *token, int64_t now_ms, struct arena *arena,
                struct jwt_claims *claims, struct err *err)
{
    jwt_t *jwt = NULL;

    if (keys->n_keys == 0)
        return err_set(err, ERR_UNAVAILABLE, "the signing keys have not been read yet");
    if (strlen(token) > JWT_TEXT_MAX)
        return refuse(err);
    const struct jwt_key *key = find_key(keys, token);

    if (key == NULL || jwt_decode(&jwt, token, key->bytes, sizeof key->bytes) != 0)
        return refuse(err);
    bool ok = read_claims(jwt, now_ms, arena, claims, err);

    jwt_free(jwt);
    return ok;
}
