#include "services/audit/commands/cli.h"

#include <sodium.h>
#include <stdio.h>

#include "common/base/config.h"

enum { SECRET_LIMIT_MS = 5000, SECRET_AGAIN_MS = 3600000, CONNECTIONS = 2 };

static const struct config_key keys[] = {
    CONFIG_SECRET(struct cli_config, database_url, "DATABASE_URL", "", 0, 4096,
                  "URL of the database; empty: the secret audit-database of the sidecar"),
    CONFIG_INT(struct cli_config, db_limit_ms, "DB_LIMIT_MS", "10000", 50, 600000,
               "limit of a statement, ms"),
    CONFIG_INT(struct cli_config, dapr_http_port, "DAPR_HTTP_PORT", "3584", 1, 65535,
               "the sidecar's HTTP port on 127.0.0.1"),
    CONFIG_SECRET(struct cli_config, dapr_api_token, "DAPR_API_TOKEN", "", 0, 256,
                  "token sent to the sidecar"),
    CONFIG_TEXT(struct cli_config, secret_store, "SECRET_STORE", "secrets", 1, 64,
                "Dapr secret store component"),
    CONFIG_TEXT(struct cli_config, pubsub, "PUBSUB", "pubsub", 1, 64, "Dapr pub/sub component"),
};
enum { N_KEYS = sizeof(keys) / sizeof(keys[0]) };

void cli_print_settings(void)
{
    printf("\nSettings, from the environment:\n");
    config_print_help(keys, N_KEYS, stdout);
}

bool cli_open(struct cli *cli, const char *name, const struct pg_statement *const *statements)
{
    *cli = (struct cli){.name = name, .status = CLI_NOT_DONE};
    if (!config_read(keys, N_KEYS, &cli->config, stderr))
        return false;
    if (sodium_init() < 0) {
        fprintf(stderr, "audit %s: libsodium does not start\n", name);
        return false;
    }
    log_init(&cli->log, "audit", LOG_WARN);
    cli->loop = loop_new();
    cli->dapr = dapr_new(&(struct dapr_config){.port = cli->config.dapr_http_port,
                                               .api_token = cli->config.dapr_api_token,
                                               .app_id = "audit",
                                               .loop = cli->loop});
    if (statements != NULL)
        cli->pool = pg_pool_new(&(struct pg_config){.connections = CONNECTIONS,
                                                    .limit_ms = cli->config.db_limit_ms,
                                                    .statements = statements,
                                                    .loop = cli->loop,
                                                    .log = &cli->log});
    return true;
}

void cli_close(struct cli *cli)
{
    if (cli->loop == NULL)
        return;
    secret_watch_free(cli->watch);
    loop_timer_free(cli->watch_limit);
    dapr_free(cli->dapr);
    if (cli->pool != NULL)
        pg_pool_free(cli->pool);
    loop_free(cli->loop);
}

static void on_interrupted(void *arg)
{
    cli_stop(arg, CLI_NOT_DONE);
}

int cli_run(struct cli *cli)
{
    loop_run(cli->loop, on_interrupted, cli);
    return cli->status;
}

void cli_stop(struct cli *cli, int status)
{
    cli->status = status;
    loop_stop(cli->loop);
}

/** Say it once: whichever of secret and limit comes second finds nobody waiting. */
static void tell_taken(struct cli *cli, const struct err *err)
{
    dapr_done_fn *taken = cli->taken;

    cli->taken = NULL;
    loop_timer_stop(cli->watch_limit);
    if (taken != NULL)
        taken(cli->taker, err);
}

static bool on_secret_read(void *arg, const struct secret *secret, struct err *err)
{
    struct cli *cli = arg;

    if (cli->taken == NULL)
        return true;
    if (!cli->take(cli->taker, secret, err)) {
        tell_taken(cli, err);
        return true; /* trying again would not make it better */
    }
    tell_taken(cli, NULL);
    return true;
}

static void on_secret_late(void *arg)
{
    struct cli *cli = arg;
    struct err err = {0};

    err_set(&err, ERR_UNAVAILABLE, "the sidecar at 127.0.0.1:%d did not give the secret in %d ms",
            cli->config.dapr_http_port, SECRET_LIMIT_MS);
    tell_taken(cli, &err);
}

void cli_read_secret(struct cli *cli, const char *secret, secret_changed_fn *take,
                     dapr_done_fn *done, void *arg)
{
    const struct secret_source source = {
        .store = cli->config.secret_store, .name = secret, .interval_ms = SECRET_AGAIN_MS};

    cli->take = take;
    cli->taken = done;
    cli->taker = arg;
    cli->watch_limit = loop_timer_new(cli->loop, on_secret_late, cli);
    loop_timer_start(cli->watch_limit, SECRET_LIMIT_MS);
    cli->watch = secret_watch_new(cli->dapr, cli->loop, &cli->log, &source, on_secret_read, cli);
}

static bool take_url(void *arg, const struct secret *secret, struct err *err)
{
    struct cli *cli = arg;
    const char *url = secret_value(secret, "url");

    if (url == NULL || url[0] == '\0')
        return err_set(err, ERR_INVALID, "audit-database: url is missing");
    pg_pool_set_url(cli->pool, url);
    return true;
}

static void on_url_taken(void *arg, const struct err *err)
{
    struct cli *cli = arg;

    cli->found(cli->finder, err);
}

static void on_url_given(void *arg)
{
    on_url_taken(arg, NULL);
}

void cli_find_database(struct cli *cli, dapr_done_fn *done, void *arg)
{
    cli->found = done;
    cli->finder = arg;
    if (cli->config.database_url[0] == '\0') {
        cli_read_secret(cli, "audit-database", take_url, on_url_taken, cli);
        return;
    }
    pg_pool_set_url(cli->pool, cli->config.database_url);
    loop_defer(cli->loop, on_url_given, cli);
}
