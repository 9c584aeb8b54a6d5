/* common/service/service_command.c — the command line that every service has. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/service/service_parts.h"
#include "version.h"

enum { EXIT_USAGE = 2 };

struct migrate_config {
    const char *url;
    int wait_s;
};

static const struct config_key migrate_keys[] = {
    CONFIG_SECRET(struct migrate_config, url, "MIGRATION_DATABASE_URL", NULL, 1, 4096,
                  "the schema owner's URL, for migrate alone"),
    CONFIG_INT(struct migrate_config, wait_s, "MIGRATION_WAIT_S", "0", 0, 3600,
               "how long to wait for the database to answer, s"),
};
enum { N_MIGRATE_KEYS = sizeof migrate_keys / sizeof migrate_keys[0] };

static void print_command(FILE *out, const char *name, const char *help)
{
    fprintf(out, "  %-28s %s\n", name, help);
}

static void print_help(const struct service_spec *spec, FILE *out)
{
    fprintf(out, "%s: %s\n\nUsage:\n", spec->name, spec->summary);
    print_command(out, spec->name, "serve, until SIGTERM");
    if (spec->n_migrations > 0)
        print_command(out, "  migrate up|down [N]|fit|status",
                      "change or show the database's schema");
    for (size_t i = 0; i < spec->n_commands; i++) {
        char name[64];

        snprintf(name, sizeof name, "  %s", spec->commands[i].name);
        print_command(out, name, spec->commands[i].help);
    }
    print_command(out, "  wait HOST:PORT[,HOST:PORT…]…",
                  "wait until each, or one of those with commas, can be connected to");
    print_command(out, "  --subscriptions", "print topic and type of the events it handles");
    print_command(out, "  --version", "print the version");
    print_command(out, "  --help", "print this");
    fputs("\nSettings, from the environment:\n", out);
    config_print_help(spec->keys, spec->n_keys, out);
    if (spec->n_migrations > 0) {
        fputs("\nSettings of migrate:\n", out);
        config_print_help(migrate_keys, N_MIGRATE_KEYS, out);
    }
}

static void print_subscriptions(const struct service_spec *spec)
{
    for (size_t i = 0; i < spec->n_handlers; i++)
        printf("%s %s\n", spec->handlers[i].topic,
               spec->handlers[i].type != NULL ? spec->handlers[i].type : "*");
}

static int run_migrate(const struct service_spec *spec, int argc, char **argv)
{
    struct migrate_config config = {0};
    struct migrate_job job;
    struct err err = {0};

    if (!config_read(migrate_keys, N_MIGRATE_KEYS, &config, stderr))
        return EXIT_USAGE;
    job = (struct migrate_job){config.url, config.wait_s, spec->migrations, spec->n_migrations};
    if (migrate_run(&job, argc, argv, stdout, &err))
        return EXIT_SUCCESS;
    fprintf(stderr, "%s migrate: %s\n", spec->name, err.text);
    return err.code == ERR_INVALID ? EXIT_USAGE : EXIT_FAILURE;
}

static int refuse_command(const struct service_spec *spec, const char *word)
{
    fprintf(stderr, "%s: %s is no command of it; see %s --help\n", spec->name, word, spec->name);
    return EXIT_USAGE;
}

static int print(const struct service_spec *spec, const char *what, const char *too_much)
{
    bool is_help = strcmp(what, "--help") == 0, is_version = strcmp(what, "--version") == 0;

    if (!is_help && !is_version && strcmp(what, "--subscriptions") != 0)
        return refuse_command(spec, what);
    if (too_much != NULL)
        return refuse_command(spec, too_much);
    if (is_help)
        print_help(spec, stdout);
    else if (is_version)
        printf("%s %s\n", spec->name, VERSION);
    else
        print_subscriptions(spec);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int service_main(const struct service_spec *spec, void *app, void *config, int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : NULL;

    if (word == NULL)
        return service_serve(spec, app, config);
    for (size_t i = 0; i < spec->n_commands; i++)
        if (strcmp(word, spec->commands[i].name) == 0)
            return spec->commands[i].run(argc - 1, argv + 1);
    if (strcmp(word, "wait") == 0)
        return service_wait(argc - 1, argv + 1);
    if (strcmp(word, "migrate") == 0 && spec->n_migrations > 0)
        return run_migrate(spec, argc - 1, argv + 1);
    return print(spec, word, argc > 2 ? argv[2] : NULL);
}
