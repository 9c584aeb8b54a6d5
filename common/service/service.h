/* common/service/service.h — what every service is: settings, ports, health, secrets, database,
 * sidecar, outbox relay and drain. A service adds its tables and its own parts.
 *
 * Life: OPENING (ports are bound, /health answers) → READY (secrets read, database and sidecar
 * answer) ⇄ UNREADY → DRAINING (SIGTERM: /ready says 503, no new connections, running flows end,
 * the relay's bulk ends) → closed.
 * Public port: /health, /ready, /metrics, /version and the service's routes.
 * App port (127.0.0.1): GET /healthz without a token; with it GET /dapr/subscribe, GET /dapr/config,
 * POST /events/{topic} and the service's app routes. */
#ifndef COMMON_SERVICE_SERVICE_H
#define COMMON_SERVICE_SERVICE_H

#include <stddef.h>

#include "common/base/config.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/dapr/dapr.h"
#include "common/dapr/deliver.h"
#include "common/dapr/secrets.h"
#include "common/net/http_server.h"
#include "common/net/loop.h"
#include "common/pg/migrate.h"
#include "common/pg/pg.h"

struct relay;
struct service;

/** The settings that all services share: the first member of each service's struct config. */
struct service_config {
    const char *http_address;
    int http_port, app_port, dapr_http_port;
    const char *dapr_api_token, *app_api_token;
    const char *secret_store, *state_store, *pubsub;
    int log_level;
    int db_connections, db_limit_ms;
    int drain_ms;
    int secret_interval_ms;
    int relay_poll_ms, relay_bulk_max;
    struct http_limits http;
    const char *http_proxies;
};
extern const char *const service_log_levels[];

/** Rows of a service's own config table (config.c); `member` is its struct service_config. */
#define SERVICE_CONFIG_KEYS(type, member, http_initial, app_initial, dapr_initial)                 \
    CONFIG_TEXT(type, member.http_address, "HTTP_ADDRESS", "127.0.0.1", 2, 45,                     \
                "address of the public port"),                                                     \
        CONFIG_INT(type, member.http_port, "HTTP_PORT", http_initial, 0, 65535,                    \
                   "public port; 0: any free one"),                                                \
        CONFIG_INT(type, member.app_port, "APP_PORT", app_initial, 0, 65535,                       \
                   "port for the sidecar's calls, on 127.0.0.1"),                                  \
        CONFIG_INT(type, member.dapr_http_port, "DAPR_HTTP_PORT", dapr_initial, 1, 65535,          \
                   "the sidecar's HTTP port on 127.0.0.1"),                                        \
        CONFIG_SECRET(type, member.dapr_api_token, "DAPR_API_TOKEN", NULL, 16, 256,                \
                      "token sent to the sidecar"),                                                \
        CONFIG_SECRET(type, member.app_api_token, "APP_API_TOKEN", NULL, 16, 256,                  \
                      "token the sidecar sends"),                                                  \
        CONFIG_TEXT(type, member.secret_store, "SECRET_STORE", "secrets", 1, 64,                   \
                    "Dapr secret store component"),                                                \
        CONFIG_TEXT(type, member.state_store, "STATE_STORE", "state", 1, 64,                       \
                    "Dapr state store component"),                                                 \
        CONFIG_TEXT(type, member.pubsub, "PUBSUB", "pubsub", 1, 64, "Dapr pub/sub component"),     \
        CONFIG_ENUM(type, member.log_level, "LOG_LEVEL", "info", service_log_levels,               \
                    "least level that is logged"),                                                 \
        CONFIG_INT(type, member.db_connections, "DB_CONNECTIONS", "8", 1, 128,                     \
                   "connections to the database"),                                                 \
        CONFIG_INT(type, member.db_limit_ms, "DB_LIMIT_MS", "2000", 50, 60000,                     \
                   "limit of a statement, ms"),                                                    \
        CONFIG_INT(type, member.drain_ms, "DRAIN_MS", "10000", 0, 600000,                          \
                   "limit of the drain at SIGTERM, ms"),                                           \
        CONFIG_INT(type, member.secret_interval_ms, "SECRET_INTERVAL_MS", "20000", 100, 60000,     \
                   "how often secrets are read again, ms"),                                        \
        CONFIG_INT(type, member.relay_poll_ms, "RELAY_POLL_MS", "500", 10, 60000,                  \
                   "how often the outbox is looked at, ms"),                                       \
        CONFIG_INT(type, member.relay_bulk_max, "RELAY_BULK_MAX", "200", 1, 5000,                  \
                   "events published at once"),                                                    \
        CONFIG_INT(type, member.http.connections_max, "HTTP_CONNECTIONS_MAX", "1024", 1, 100000,   \
                   "connections per port"),                                                        \
        CONFIG_INT(type, member.http.head_limit_ms, "HTTP_HEAD_LIMIT_MS", "5000", 100, 600000,     \
                   "limit of a whole request head, ms"),                                           \
        CONFIG_INT(type, member.http.body_limit_ms, "HTTP_BODY_LIMIT_MS", "10000", 100, 600000,    \
                   "limit of a whole request body, ms"),                                           \
        CONFIG_INT(type, member.http.idle_limit_ms, "HTTP_IDLE_LIMIT_MS", "60000", 100, 3600000,   \
                   "limit of a connection without a request, ms"),                                 \
        CONFIG_INT(type, member.http.head_max_bytes, "HTTP_HEAD_MAX_BYTES", "16384", 1024,         \
                   1048576, "size of a request head, bytes"),                                      \
        CONFIG_INT(type, member.http.body_max_bytes, "HTTP_BODY_MAX_BYTES", "1048576", 1024,       \
                   16777216, "size of a request body, bytes"),                                     \
        CONFIG_TEXT(type, member.http_proxies, "HTTP_PROXIES", "127.0.0.0/8,::1", 0, 512,          \
                    "proxies whose X-Forwarded-For is believed: addresses and ranges, with "       \
                    "commas")

/** A secret the service uses beside its database's (`<name>-database`, handled here). */
struct service_secret {
    const char *name;
    secret_changed_fn *changed; /* arg is the app */
};

/** A subcommand beside --help, --version and migrate: `audit verify`. Returns the exit status. */
struct service_command {
    const char *name;
    const char *help;
    int (*run)(int argc, char **argv); /* argv[0] is its name */
};

struct service_spec {
    const char *name;    /* app id */
    const char *summary; /* one line of --help */
    const struct config_key *keys;
    size_t n_keys;
    const struct pg_statement *const
        *statements; /* NULL: no database; NULL-terminated. service adds
                                                     those of outbox and inbox itself */
    bool plans_once; /* of its statements: see struct pg_config */
    const struct migration *migrations;
    size_t n_migrations;
    bool keeps_inbox;           /* ids of handled events are never purged; else after 30 days */
    const struct route *routes; /* of the public port */
    size_t n_routes;
    const struct route *app_routes; /* of the app port */
    size_t n_app_routes;
    const struct event_handler *handlers;
    size_t n_handlers;
    const struct service_secret *secrets;
    size_t n_secrets;
    const struct service_command *commands;
    size_t n_commands;
    bool (*guard)(void *app, struct http_request *req); /* of the public port; NULL: none */
    bool (*open)(void *app, struct err *err); /* after the common parts exist; NULL: none */
    bool (*is_ready)(void *app,
                     struct err *err); /* NULL: nothing of its own; err says what lacks */
    void (*sidecar_asks)(void *app);   /* a sidecar starts: it asks for subscriptions; NULL: none */
    void (*drain)(void *app);          /* at SIGTERM, before the server waits; NULL: none. What must
                                          end first calls service_hold_drain */
    void (*close)(
        void
            *app); /* before the common parts end, also when open failed or never ran; NULL: none */
};

/** First member of every service's struct app; all borrowed from it while it lives. */
struct service {
    const struct service_spec *spec;
    struct service_config *config;
    struct log log;
    struct metrics *metrics;
    struct loop *loop;
    struct dapr *dapr;
    struct pg_pool *pool; /* NULL without a database */
    struct relay *relay;  /* NULL without a database */
    struct deliver *deliver;
    struct http_server *public_server, *app_server;
    struct service_parts *parts; /* what only service.c touches */
};

/** Read the command line and serve, or run the subcommand. `app` begins with struct service, and
 *  `config` (the service's whole struct config) with struct service_config. Return the exit status:
 *  0 well, 1 failed, 2 wrong settings or command line. */
int service_main(const struct service_spec *spec, void *app, void *config, int argc, char **argv);

/** Within spec->drain: the drain, whose limit stays DRAIN_MS, also waits for a service_release_drain.
 *  What that leaves in the outbox is published by our relay, or by the next one that leads. */
void service_hold_drain(struct service *service);
void service_release_drain(struct service *service);

/** A commit added outbox rows. */
void service_wake_relay(struct service *service);

#endif
