#include "common/base/config.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/utf8.h"

enum { CONFIG_SHOWN_MAX = 60 };

static const char *const bool_words[] = {"false", "true", NULL};

static const char *const *words_of(const struct config_key *key)
{
    return key->kind == CONFIG_KIND_BOOL ? bool_words : key->words;
}

/* Show the value of a number or word, a long or odd one in part. That of a text is never shown: it
 * may be a secret or hold one. */
static void add_value(struct buf *out, const char *value)
{
    buf_add_char(out, '"');
    for (size_t i = 0; value[i] != '\0'; i++) {
        unsigned char c = (unsigned char)value[i];

        if (i == CONFIG_SHOWN_MAX) {
            buf_add_text(out, "...");
            break;
        }
        buf_add_char(out, c < 0x20 || c >= 0x7F ? '?' : (char)c);
    }
    buf_add_text(out, "\" ");
}

static void add_words(struct buf *out, const char *const *words)
{
    for (size_t i = 0; words[i] != NULL; i++) {
        buf_add_text(out, i == 0 ? "" : "|");
        buf_add_text(out, words[i]);
    }
}

static bool read_int(const struct config_key *key, const char *value, void *member,
                     struct buf *mistake)
{
    char *end;
    long number;
    bool has_digit = value[value[0] == '-'] >= '0' && value[value[0] == '-'] <= '9';

    errno = 0;
    number = strtol(value, &end, 10);
    if (!has_digit || *end != '\0') {
        add_value(mistake, value);
        buf_format(mistake, "is not a whole number; give one in %ld..%ld", key->min, key->max);
        return false;
    }
    if (errno != 0 || number < key->min || number > key->max) {
        add_value(mistake, value);
        buf_format(mistake, "is outside %ld..%ld", key->min, key->max);
        return false;
    }
    *(int *)member = (int)number;
    return true;
}

static bool read_text(const struct config_key *key, const char *value, void *member,
                      struct buf *mistake)
{
    size_t length = strlen(value);

    if ((long)length < key->min || (long)length > key->max) {
        buf_format(mistake, "is %zu bytes long; must be %ld..%ld", length, key->min, key->max);
        return false;
    }
    if (!utf8_is_valid(value, length)) {
        buf_add_text(mistake, "is not valid UTF-8");
        return false;
    }
    *(const char **)member = value;
    return true;
}

static bool read_word(const struct config_key *key, const char *value, void *member,
                      struct buf *mistake)
{
    const char *const *words = words_of(key);

    for (int i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], value) != 0)
            continue;
        if (key->kind == CONFIG_KIND_BOOL)
            *(bool *)member = i == 1;
        else
            *(int *)member = i;
        return true;
    }
    add_value(mistake, value);
    buf_add_text(mistake, "is not one of ");
    add_words(mistake, words);
    return false;
}

static bool read_key(const struct config_key *key, const char *value, void *member,
                     struct buf *mistake)
{
    switch (key->kind) {
    case CONFIG_KIND_INT:
        return read_int(key, value, member, mistake);
    case CONFIG_KIND_TEXT:
        return read_text(key, value, member, mistake);
    case CONFIG_KIND_BOOL:
    case CONFIG_KIND_ENUM:
        return read_word(key, value, member, mistake);
    }
    return false;
}

bool config_read(const struct config_key *keys, size_t n_keys, void *config, FILE *errors)
{
    struct buf mistake;
    bool is_good = true;

    buf_init(&mistake);
    for (size_t i = 0; i < n_keys; i++) {
        const struct config_key *key = &keys[i];
        const char *given = getenv(key->name);
        const char *value = given != NULL ? given : key->initial;

        buf_reset(&mistake);
        if (value == NULL)
            buf_add_text(&mistake, "is required and not set");
        else if (read_key(key, value, (char *)config + key->offset, &mistake))
            continue;
        assert(given != NULL || key->initial == NULL); /* a default keeps its own limits */
        fprintf(errors, "%s: %s (%s)\n", key->name, buf_text(&mistake), key->help);
        is_good = false;
    }
    buf_clear(&mistake);
    return is_good;
}

static void add_limits(struct buf *out, const struct config_key *key)
{
    switch (key->kind) {
    case CONFIG_KIND_INT:
        buf_format(out, "%ld..%ld", key->min, key->max);
        break;
    case CONFIG_KIND_TEXT:
        buf_format(out, "%ld..%ld bytes", key->min, key->max);
        break;
    case CONFIG_KIND_BOOL:
    case CONFIG_KIND_ENUM:
        add_words(out, words_of(key));
        break;
    }
}

static const char *shown_default(const struct config_key *key)
{
    if (key->initial == NULL)
        return "(required)";
    if (key->initial[0] == '\0')
        return "(empty)";
    return key->is_secret ? "(secret)" : key->initial;
}

static int wider(int width, const char *text)
{
    return (int)strlen(text) > width ? (int)strlen(text) : width;
}

void config_print_help(const struct config_key *keys, size_t n_keys, FILE *out)
{
    int name_width = 0, default_width = 0, limits_width = 0;
    struct buf limits;

    buf_init(&limits);
    for (size_t i = 0; i < n_keys; i++) {
        buf_reset(&limits);
        add_limits(&limits, &keys[i]);
        name_width = wider(name_width, keys[i].name);
        default_width = wider(default_width, shown_default(&keys[i]));
        limits_width = wider(limits_width, buf_text(&limits));
    }
    for (size_t i = 0; i < n_keys; i++) {
        buf_reset(&limits);
        add_limits(&limits, &keys[i]);
        fprintf(out, "  %-*s  %-*s  %-*s  %s\n", name_width, keys[i].name, default_width,
                shown_default(&keys[i]), limits_width, buf_text(&limits), keys[i].help);
    }
    buf_clear(&limits);
}
