/* services/audit/app.c — what audit is made of, beside what every service has. */
#include "services/audit/app.h"

#include <sodium.h>

#include "audit_migrations.h"
#include "services/audit/commands/commands.h"
#include "services/audit/heads/head_export.h"
#include "services/audit/routes.h"
#include "services/audit/store/dead_letter_store.h"
#include "services/audit/store/head_store.h"
#include "services/audit/store/history_store.h"

static const struct pg_statement *const statements[] = {
    &CHAIN_OPEN,        &CHAIN_APPEND,     &CHAIN_ERASE,        &DEAD_LETTER_KEEP,
    &DEAD_LETTER_ERASE, &HISTORY_OF_OWNER, &HISTORY_OF_SUBJECT, &HEAD_TAKE_TURN,
    &HEAD_LIST_DUE,     &HEAD_MARK,        &HEAD_FINISH,        NULL,
};

static bool open_export(void *context, struct err *err)
{
    struct app *app = context;
    const struct head_export_config config = {.directory = app->config->heads_dir,
                                              .interval_ms = app->config->heads_interval_ms,
                                              .loop = app->service.loop,
                                              .pool = app->service.pool,
                                              .metrics = app->service.metrics,
                                              .log = &app->service.log};

    if (config.directory[0] == '\0') {
        log_warn(config.log, "heads_stay_here", KV("err", "HEADS_DIR is not set"));
        return true;
    }
    app->head_export = head_export_new(&config, err);
    return app->head_export != NULL;
}

static void drain_export(void *context)
{
    struct app *app = context;

    head_export_drain(app->head_export);
}

static void close_export(void *context)
{
    struct app *app = context;

    head_export_free(app->head_export);
}

static bool take_keys(void *context, const struct secret *secret, struct err *err)
{
    struct app *app = context;
    const char *seed = secret_value(secret, "seed");
    struct head_line_keys keys;

    if (seed == NULL)
        return err_set(err, ERR_INVALID, "audit-keys: seed is missing");
    if (!head_line_read_seed(seed, &keys, err))
        return false;
    if (app->head_export != NULL)
        head_export_set_keys(app->head_export, &keys);
    sodium_memzero(&keys, sizeof(keys));
    return true;
}

static const struct service_secret secrets[] = {
    {"audit-keys", take_keys},
};

static const struct service_command commands[] = {
    {"verify", "hold every chain against its hashes and the exported heads", verify_run},
    {"dead-letters", "list, show or replay what could not be handled", dead_letters_run},
    {"public-key", "print the key that checks exported heads", public_key_run},
};

void app_make_spec(struct service_spec *spec)
{
    *spec = (struct service_spec){
        .name = "audit",
        .summary = "appends every event to its owner's hash chain",
        .keys = config_keys,
        .n_keys = config_n_keys,
        .statements = statements,
        .migrations = audit_migrations,
        .n_migrations = audit_migrations_count,
        .keeps_inbox = true, /* an event that is replayed a year later is still appended once */
        .app_routes = app_routes,
        .n_app_routes = app_routes_n,
        .handlers = event_handlers,
        .n_handlers = event_handlers_n,
        .secrets = secrets,
        .n_secrets = sizeof(secrets) / sizeof(secrets[0]),
        .commands = commands,
        .n_commands = sizeof(commands) / sizeof(commands[0]),
        .open = open_export,
        .drain = drain_export,
        .close = close_export,
    };
}
