/* services/audit/commands/cli.h — what the subcommands share: settings, the loop, the sidecar and a
 * connection to the database. They are flows on the same adapters as the service's. */
#ifndef SERVICES_AUDIT_COMMANDS_CLI_H
#define SERVICES_AUDIT_COMMANDS_CLI_H

#include "common/base/log.h"
#include "common/dapr/dapr.h"
#include "common/dapr/secrets.h"
#include "common/net/loop.h"
#include "common/pg/pg.h"

enum { CLI_WELL, CLI_NOT_WELL, CLI_NOT_DONE };

struct cli_config {
    const char *database_url; /* "": the sidecar's secret store knows it */
    int db_limit_ms;
    int dapr_http_port;
    const char *dapr_api_token, *secret_store, *pubsub;
};

struct cli {
    const char *name; /* of the subcommand */
    struct cli_config config;
    struct log log;
    struct loop *loop;
    struct dapr *dapr;
    struct pg_pool *pool;
    struct secret_watch *watch;
    struct loop_timer *watch_limit;
    secret_changed_fn *take; /* what cli_read_secret was given */
    dapr_done_fn *taken;
    void *taker;
    dapr_done_fn *found; /* what cli_find_database was given */
    void *finder;
    int status;
};

/** Read the settings and make the parts; `statements` are all that will be called (NULL: no
 *  database). Print what is wrong and return false. */
MUST_CHECK bool cli_open(struct cli *cli, const char *name,
                         const struct pg_statement *const *statements);
void cli_close(struct cli *cli); /* fine on a half-open one */

/** Run the loop until cli_stop; return its status. */
int cli_run(struct cli *cli);
void cli_stop(struct cli *cli, int status);

/** Connect to DATABASE_URL or, where that is empty, to what the sidecar's secret store says. */
void cli_find_database(struct cli *cli, dapr_done_fn *done, void *arg);

/** Read one secret: call `take` with `arg`, then `done`, both once, never before returning.
 *  ERR_UNAVAILABLE when the sidecar does not give it within 5 s. */
void cli_read_secret(struct cli *cli, const char *secret, secret_changed_fn *take,
                     dapr_done_fn *done, void *arg);

/** Print the settings that the subcommands read. */
void cli_print_settings(void);

#endif
