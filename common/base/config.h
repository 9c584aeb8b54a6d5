/* common/base/config.h — settings from the environment, by one table per service.
 * `--help` is printed from the table; all mistakes are reported at once. */
#ifndef COMMON_BASE_CONFIG_H
#define COMMON_BASE_CONFIG_H

#include <stddef.h>
#include <stdio.h>

#include "common/base/err.h"

enum config_kind { CONFIG_KIND_INT, CONFIG_KIND_TEXT, CONFIG_KIND_BOOL, CONFIG_KIND_ENUM };

struct config_key {
    enum config_kind kind;
    size_t offset;            /* of the member: int, const char *, bool, int */
    const char *name;         /* of the environment variable */
    const char *initial;      /* the default; NULL: required */
    long min, max;            /* of an int (its value) or a text (its length in bytes) */
    const char *const *words; /* of an enum, NULL-terminated; the member gets the index */
    const char *help;         /* one line with the unit */
    bool is_secret;           /* --help and errors never show its value */
};

#define CONFIG_INT(type, member, env, initial, min, max, help)                                     \
    {                                                                                              \
        CONFIG_KIND_INT, offsetof(type, member), env, initial, min, max, NULL, help, false         \
    }
#define CONFIG_TEXT(type, member, env, initial, min, max, help)                                    \
    {                                                                                              \
        CONFIG_KIND_TEXT, offsetof(type, member), env, initial, min, max, NULL, help, false        \
    }
#define CONFIG_SECRET(type, member, env, initial, min, max, help)                                  \
    {                                                                                              \
        CONFIG_KIND_TEXT, offsetof(type, member), env, initial, min, max, NULL, help, true         \
    }
#define CONFIG_BOOL(type, member, env, initial, help)                                              \
    {                                                                                              \
        CONFIG_KIND_BOOL, offsetof(type, member), env, initial, 0, 0, NULL, help, false            \
    }
#define CONFIG_ENUM(type, member, env, initial, words, help)                                       \
    {                                                                                              \
        CONFIG_KIND_ENUM, offsetof(type, member), env, initial, 0, 0, words, help, false           \
    }

/** Fill `config` from the environment by `n_keys` keys. Texts are borrowed from the environment or
 *  the table. Print every mistake to `errors`, a line each (name, what is wrong, the limit), and
 *  return whether there was none. Keys that stand in several tables are read by each. */
MUST_CHECK bool config_read(const struct config_key *keys, size_t n_keys, void *config,
                            FILE *errors);

/** Print name, default, limits and help of each key, aligned. */
void config_print_help(const struct config_key *keys, size_t n_keys, FILE *out);

#endif
