/* services/backend/app.h — the one root of the process: the struct alone, for handlers. */
#ifndef SERVICES_BACKEND_APP_H
#define SERVICES_BACKEND_APP_H

#include "common/net/public_address.h"
#include "common/service/service.h"
#include "services/backend/config.h"

struct address_resolver;
struct jwt_keys;
struct password_pool;
struct purge;
struct rate_limit;
struct seal_keys;
struct task_sweep;
struct token_cache;
struct zone_cache;

struct app {
    struct service service;       /* first member: loop, pool, dapr, log, metrics */
    const struct config *config;  /* borrowed from main */
    struct jwt_keys *token_keys;  /* sign and verify access tokens; NULL before open */
    struct jwt_keys *ticket_keys; /* sign WebSocket tickets */
    struct jwt_keys *link_keys;   /* verify the links in mails */
    struct seal_keys *channel_keys;
    char *push_key;                  /* public, base64url; NULL: not read yet */
    struct address_policy addresses; /* of users */
    struct address_resolver *resolver;
    struct token_cache *tokens; /* access tokens that were verified a moment ago */
    struct password_pool *passwords;
    struct rate_limit *user_rate, *address_rate, *sign_in_rate;
    struct purge *purge; /* what expires is deleted */
    struct task_sweep *task_sweep;
    struct zone_cache *zones; /* time zones by name */
    int morning;              /* MORNING in minutes since midnight */
};

/** Fill what makes this service the backend: app.c. */
void app_make_spec(struct service_spec *spec);

#endif
