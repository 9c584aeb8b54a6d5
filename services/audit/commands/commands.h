/* services/audit/commands/commands.h — the subcommands, each with its own command line.
 * They return 0 well, 1 not well (a fault was found, a letter was not replayed), 2 wrong command line
 * or settings, or nothing could be found out because the database or the sidecar is away. */
#ifndef SERVICES_AUDIT_COMMANDS_COMMANDS_H
#define SERVICES_AUDIT_COMMANDS_COMMANDS_H

int verify_run(int argc, char **argv);
int dead_letters_run(int argc, char **argv);
int public_key_run(int argc, char **argv);

#endif
