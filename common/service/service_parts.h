/* common/service/service_parts.h — what the files of this folder share, and no service sees. */
#ifndef COMMON_SERVICE_SERVICE_PARTS_H
#define COMMON_SERVICE_SERVICE_PARTS_H

#include "common/service/service.h"

struct inbox_purge;

enum service_state { SERVICE_OPENING, SERVICE_READY, SERVICE_UNREADY, SERVICE_DRAINING };

struct service_parts {
    enum service_state state;
    struct route *public_routes, *app_routes; /* ours, then the service's */
    const struct pg_statement **statements;   /* the service's, then ours; NULL-terminated */
    struct secret_watch **watches;
    size_t n_watches;
    char *database_secret; /* the name of its secret */
    struct inbox_purge *inbox_purge;
    struct loop_timer *check_timer, *drain_timer;
    struct metrics_series *is_ready;
    bool is_sidecar_up;
    int n_draining;  /* servers that still have requests running, and service_hold_drain */
    bool is_drained; /* all ended well */
};

/** Say in `err` all that the service waits for: "database, sidecar"; return whether it is nothing. */
MUST_CHECK bool service_check_ready(const struct service *service, struct err *err);

/** Make the servers of both ports: service_http.c. Freed by service_close_servers. */
MUST_CHECK bool service_open_servers(struct service *service, struct err *err);
void service_close_servers(struct service *service);

/** `wait HOST:PORT[,HOST:PORT…]…` (argv[0] is "wait"): service_wait.c. Blocking. Return the exit status. */
int service_wait(int argc, char **argv);

/** Serve until SIGTERM: service.c. Return the exit status. */
int service_serve(const struct service_spec *spec, void *app, void *config);

#endif
