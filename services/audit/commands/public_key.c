/* services/audit/commands/public_key.c — `audit public-key`: the key that checks exported heads. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "services/audit/commands/cli.h"
#include "services/audit/commands/commands.h"
#include "services/audit/domain/head_line.h"

static bool print_key(void *arg, const struct secret *secret, struct err *err)
{
    const char *seed = secret_value(secret, "seed");
    struct head_line_keys keys;
    struct buf text;

    (void)arg;
    if (seed == NULL)
        return err_set(err, ERR_INVALID, "audit-keys: seed is missing");
    if (!head_line_read_seed(seed, &keys, err))
        return false;
    buf_init(&text);
    head_line_write_public_key(keys.public_key, &text);
    printf("%s\n", buf_text(&text));
    buf_clear(&text);
    sodium_memzero(&keys, sizeof(keys));
    return true;
}

static void on_key_printed(void *arg, const struct err *err)
{
    struct cli *cli = arg;

    if (err != NULL)
        fprintf(stderr, "audit public-key: %s\n", err->text);
    cli_stop(cli, err == NULL ? CLI_WELL : CLI_NOT_DONE);
}

int public_key_run(int argc, char **argv)
{
    struct cli cli;
    int status = CLI_NOT_DONE;

    if (argc > 1) {
        bool is_help = strcmp(argv[1], "--help") == 0;

        printf("Usage: audit public-key\nPrints the Ed25519 public key of audit-keys in base64.\n");
        cli_print_settings();
        return is_help ? CLI_WELL : CLI_NOT_DONE;
    }
    if (cli_open(&cli, "public-key", NULL)) {
        cli_read_secret(&cli, "audit-keys", print_key, on_key_printed, &cli);
        status = cli_run(&cli);
    }
    cli_close(&cli);
    return status;
}
