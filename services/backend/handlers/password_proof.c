#include "services/backend/handlers/password_proof.h"

#include <arpa/inet.h>
#include <sodium.h>
#include <string.h>

#include "services/backend/app.h"
#include "services/backend/auth/password_pool.h"
#include "services/backend/store/account_store.h"

static store_done_fn on_counted, on_forgiven, on_own_loaded;
static password_done_fn on_checked;

static struct secret_digest digest_of(const char *kind, const char *text)
{
    struct secret_digest digest;
    crypto_hash_sha256_state state;

    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, (const unsigned char *)kind, strlen(kind) + 1);
    crypto_hash_sha256_update(&state, (const unsigned char *)text, strlen(text));
    crypto_hash_sha256_final(&state, digest.bytes);
    return digest;
}

/* One household or server has a whole /64 of IPv6. */
static struct secret_digest digest_of_address(const char *address)
{
    unsigned char bytes[16];
    char network[INET6_ADDRSTRLEN];

    if (inet_pton(AF_INET6, address, bytes) != 1)
        return digest_of("address", address);
    memset(bytes + 8, 0, 8);
    return digest_of("address", inet_ntop(AF_INET6, bytes, network, sizeof network));
}

static struct store_call store_call_of(struct proof *proof, store_done_fn *done)
{
    return (struct store_call){proof->request.app->service.pool, &proof->request.flow.arena, done,
                               proof};
}

enum flow_next password_proof_count(struct flow *flow)
{
    struct proof *proof = (struct proof *)flow;
    const struct config *config = proof->request.app->config;
    const struct store_call call = store_call_of(proof, on_counted);

    if (!password_pool_has_room(proof->request.app->passwords)) {
        err_set_slug(&flow->err, ERR_UNAVAILABLE, "busy",
                     "too many passwords are being checked; try again");
        return flow_fail(flow);
    }
    proof->attempt = (struct sign_in_attempt){
        .account = digest_of("account", proof->email),
        .address = digest_of_address(http_client_address(proof->request.req)),
        .account_free = config->sign_in_failures_free,
        .address_free = config->sign_in_address_failures_free,
        .lock_max_s = config->sign_in_lock_max_s,
    };
    sign_in_store_attempt(&call, &proof->attempt, &proof->wait_s);
    return FLOW_WAIT;
}

static void on_counted(void *arg, const struct err *err)
{
    struct proof *proof = arg;
    struct err locked;

    if (err == NULL && proof->wait_s > 0) {
        request_say_when(proof->request.req, proof->wait_s * 1000, &locked);
        err_set_slug(&locked, ERR_RATE, "locked", "too many failed sign-ins; try again in %d s",
                     (int)proof->wait_s);
        err = &locked;
    }
    flow_resume(&proof->request.flow, err);
}

enum flow_next password_proof_check(struct flow *flow)
{
    struct proof *proof = (struct proof *)flow;

    password_check(proof->request.app->passwords, proof->account.password_hash, proof->password,
                   on_checked, proof);
    return FLOW_WAIT;
}

void password_proof_say_wrong(struct err *err)
{
    err_set_slug(err, ERR_UNAUTHENTICATED, "wrong_credentials",
                 "the e-mail address or the password is wrong");
}

static void on_checked(void *arg, const char *hash, bool is_right, const struct err *err)
{
    struct proof *proof = arg;
    struct err wrong = {0};

    (void)hash;
    if (err == NULL && !is_right) {
        proof->request.has_token = false; /* which is not what is wrong */
        password_proof_say_wrong(&wrong);
        err = &wrong;
    }
    flow_resume(&proof->request.flow, err);
}

enum flow_next password_proof_forgive(struct flow *flow)
{
    struct proof *proof = (struct proof *)flow;
    const struct store_call call = store_call_of(proof, on_forgiven);

    sign_in_store_forgive(&call, &proof->attempt);
    return FLOW_WAIT;
}

static void on_forgiven(void *arg, const struct err *err)
{
    struct proof *proof = arg;

    flow_resume(&proof->request.flow, err);
}

enum flow_next password_proof_load_own(struct flow *flow)
{
    struct proof *proof = (struct proof *)flow;
    const struct store_call call = store_call_of(proof, on_own_loaded);

    account_store_get(&call, &proof->request.who.user_id, &proof->account);
    return FLOW_WAIT;
}

static void on_own_loaded(void *arg, const struct err *err)
{
    struct proof *proof = arg;

    proof->email = proof->account.email;
    flow_resume(&proof->request.flow, err);
}
