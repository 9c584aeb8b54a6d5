#include "services/backend/app.h"

#include <sodium.h>
#include <string.h>

#include "backend_migrations.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/jwt/jwt_keys.h"
#include "common/recurrence/local_time.h"
#include "common/recurrence/zone.h"
#include "common/seal/sealed.h"
#include "services/backend/auth/password_pool.h"
#include "services/backend/auth/token_cache.h"
#include "services/backend/domain/rate_limit.h"
#include "services/backend/purge.h"
#include "services/backend/request.h"
#include "services/backend/routes.h"
#include "services/backend/store/statements.h"
#include "services/backend/task_sweep.h"

enum { TOKEN_CACHE_ENTRIES = 8192, RATE_USERS = 8192, RATE_ADDRESSES = 8192 };

static bool take_token_keys(void *arg, const struct secret *secret, struct err *err)
{
    struct app *app = arg;

    if (!jwt_keys_set(app->token_keys, secret, err))
        return false;
    token_cache_clear(app->tokens);
    return true;
}

static bool take_ticket_keys(void *arg, const struct secret *secret, struct err *err)
{
    struct app *app = arg;

    return jwt_keys_set(app->ticket_keys, secret, err);
}

static bool take_link_keys(void *arg, const struct secret *secret, struct err *err)
{
    struct app *app = arg;

    return jwt_keys_set(app->link_keys, secret, err);
}

static bool take_channel_keys(void *arg, const struct secret *secret, struct err *err)
{
    struct app *app = arg;

    return seal_keys_set(app->channel_keys, secret, err);
}

static bool take_push_key(void *arg, const struct secret *secret, struct err *err)
{
    struct app *app = arg;
    const char *key = secret_value(secret, "key");

    if (key == NULL || key[0] == '\0')
        return err_set(err, ERR_INVALID, "the secret has no pair \"key\"");
    mem_free(app->push_key);
    app->push_key = mem_copy_text(key);
    return true;
}

static const struct service_secret secrets[] = {
    {"token-keys", take_token_keys},    {"ticket-keys", take_ticket_keys},
    {"link-keys", take_link_keys},      {"channel-keys", take_channel_keys},
    {"push-public-key", take_push_key},
};

static struct rate_limit *new_rate(int64_t per_min, int burst, size_t n_keys)
{
    unsigned char random[RATE_LIMIT_KEY_SIZE];

    randombytes_buf(random, sizeof random);
    return rate_limit_new(per_min, burst, n_keys, random);
}

static bool open_app(void *arg, struct err *err)
{
    struct app *app = arg;
    const struct config *config = app->config;

    app->token_keys = jwt_keys_new();
    app->ticket_keys = jwt_keys_new();
    app->link_keys = jwt_keys_new();
    app->channel_keys = seal_keys_new();
    app->resolver = address_resolver_new(app->service.loop);
    app->tokens = token_cache_new(TOKEN_CACHE_ENTRIES);
    app->zones = zone_cache_new(NULL);
    app->morning = local_time_read_clock(config->morning);
    if (app->morning < 0)
        return err_set(err, ERR_INVALID, "MORNING: \"%s\" is no time of day like 09:00",
                       config->morning);
    app->user_rate =
        new_rate((int64_t)config->rate_user_per_s * 60, config->rate_user_burst, RATE_USERS);
    app->address_rate = new_rate((int64_t)config->rate_address_per_s * 60,
                                 config->rate_address_burst, RATE_ADDRESSES);
    app->sign_in_rate =
        new_rate(config->rate_sign_in_per_min, config->rate_sign_in_burst, RATE_ADDRESSES);
    app->purge = purge_new(app);
    app->task_sweep = task_sweep_new(app);
    app->passwords = password_pool_new(app->service.loop, app->service.metrics,
                                       config->password_workers, config->password_queue_max);
    if (app->passwords == NULL)
        return err_set(err, ERR_INTERNAL, "no thread could be started for passwords");
    return address_policy_read(config->user_address_ports, config->user_address_loopback,
                               &app->addresses, err);
}

static void close_app(void *arg)
{
    struct app *app = arg;

    password_pool_free(app->passwords);
    task_sweep_free(app->task_sweep);
    purge_free(app->purge);
    rate_limit_free(app->sign_in_rate);
    rate_limit_free(app->address_rate);
    rate_limit_free(app->user_rate);
    zone_cache_free(app->zones);
    token_cache_free(app->tokens);
    address_resolver_free(app->resolver);
    mem_free(app->push_key);
    seal_keys_free(app->channel_keys);
    jwt_keys_free(app->link_keys);
    jwt_keys_free(app->ticket_keys);
    jwt_keys_free(app->token_keys);
}

/* Every request of the API counts for its address; health, readiness and metrics do not. */
static bool guard_address(void *arg, struct http_request *req)
{
    static const char API[] = "/api/";
    struct app *app = arg;
    struct err err = {0};

    if (strncmp(http_path(req), API, sizeof API - 1) != 0)
        return true;
    int64_t wait_ms =
        rate_limit_take(app->address_rate, http_client_address(req), clock_monotonic_us());

    if (wait_ms == 0)
        return true;
    request_say_when(req, wait_ms, &err);
    http_reply_err(req, &err, NULL);
    return false;
}

void app_make_spec(struct service_spec *spec)
{
    *spec = (struct service_spec){
        .name = "backend",
        .summary = "the public API of accounts and tasks",
        .keys = config_keys,
        .n_keys = config_n_keys,
        .statements = backend_statements,
        .migrations = backend_migrations,
        .n_migrations = backend_migrations_count,
        .routes = routes,
        .n_routes = routes_n,
        .handlers = event_handlers,
        .n_handlers = event_handlers_n,
        .secrets = secrets,
        .n_secrets = sizeof(secrets) / sizeof(secrets[0]),
        .guard = guard_address,
        .open = open_app,
        .close = close_app,
    };
}
