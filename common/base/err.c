#include "common/base/err.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int http_status;
} codes[] = {
    [ERR_NONE] = {"none", 200},
    [ERR_INVALID] = {"invalid", 400},
    [ERR_UNAUTHENTICATED] = {"unauthenticated", 401},
    [ERR_FORBIDDEN] = {"forbidden", 403},
    [ERR_NOT_FOUND] = {"not_found", 404},
    [ERR_METHOD] = {"method_not_allowed", 405},
    [ERR_CONFLICT] = {"conflict", 409},
    [ERR_STALE] = {"stale_version", 412},
    [ERR_TOO_LARGE] = {"too_large", 413},
    [ERR_MEDIA_TYPE] = {"unsupported_media_type", 415},
    [ERR_KEY_REUSED] = {"idempotency_key_reused", 422},
    [ERR_RATE] = {"rate_limited", 429},
    [ERR_TIMEOUT] = {"timeout", 503},
    [ERR_UNAVAILABLE] = {"unavailable", 503},
    [ERR_INTERNAL] = {"internal", 500},
};

/* Drop the bytes of a character at the end of `text` that lost its tail to a cut. */
static void drop_cut_character(char *text, size_t length)
{
    size_t start = length;
    unsigned char lead;
    size_t wanted;

    while (start > 0 && length - start < 3 && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
        start--;
    if (start == 0)
        return;
    lead = (unsigned char)text[start - 1];
    wanted = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (length - (start - 1) < wanted)
        text[start - 1] = '\0';
}

/* By way of a copy: the arguments may point into the text that is replaced. */
PRINTF_LIKE(3, 0)
static void format_text(char *text, size_t size, const char *format, va_list args)
{
    char fresh[ERR_TEXT_MAX];
    int length;

    assert(size <= sizeof fresh);
    length = vsnprintf(fresh, size, format, args);
    if (length < 0)
        fresh[0] = '\0';
    else if ((size_t)length >= size)
        drop_cut_character(fresh, size - 1);
    memcpy(text, fresh, strlen(fresh) + 1);
}

PRINTF_LIKE(4, 0)
static void set(struct err *err, enum err_code code, const char *slug, const char *format,
                va_list args)
{
    err->code = code;
    err->slug = slug;
    format_text(err->text, sizeof err->text, format, args);
    err->n_fields = 0;
}

bool err_set(struct err *err, enum err_code code, const char *format, ...)
{
    va_list args;

    if (err == NULL)
        return false;
    va_start(args, format);
    set(err, code, NULL, format, args);
    va_end(args);
    return false;
}

bool err_set_slug(struct err *err, enum err_code code, const char *slug, const char *format, ...)
{
    va_list args;

    if (err == NULL)
        return false;
    va_start(args, format);
    set(err, code, slug, format, args);
    va_end(args);
    return false;
}

static void copy_cut(char *to, size_t size, const char *from)
{
    size_t length = strnlen(from, size);

    if (length == size)
        length = size - 1;
    memmove(to, from, length);
    to[length] = '\0';
    if (from[length] != '\0')
        drop_cut_character(to, length);
}

static void join_first_field(struct err *err)
{
    char joined[ERR_FIELD_MAX + 2 + ERR_TEXT_MAX];

    snprintf(joined, sizeof joined, "%s: %s", err->fields[0].field, err->fields[0].text);
    copy_cut(err->text, sizeof err->text, joined);
}

bool err_add_field(struct err *err, const char *field, const char *format, ...)
{
    struct err_field *entry;
    va_list args;

    if (err == NULL)
        return false;
    if (err->code != ERR_INVALID) {
        err_clear(err);
        err->code = ERR_INVALID;
    }
    if (err->n_fields == ERR_FIELDS_MAX)
        return false;
    entry = &err->fields[err->n_fields++];
    copy_cut(entry->field, sizeof entry->field, field);
    va_start(args, format);
    format_text(entry->text, sizeof entry->text, format, args);
    va_end(args);
    if (err->n_fields == 1)
        join_first_field(err);
    return false;
}

void err_clear(struct err *err)
{
    if (err == NULL)
        return;
    err->code = ERR_NONE;
    err->slug = NULL;
    err->text[0] = '\0';
    err->n_fields = 0;
}

bool err_is_set(const struct err *err)
{
    return err != NULL && err->code != ERR_NONE;
}

bool err_is_transient(const struct err *err)
{
    return err != NULL &&
           (err->code == ERR_TIMEOUT || err->code == ERR_UNAVAILABLE || err->code == ERR_RATE);
}

const char *err_code_name(enum err_code code)
{
    assert((size_t)code < sizeof codes / sizeof codes[0]);
    return codes[code].name;
}

int err_http_status(enum err_code code)
{
    assert((size_t)code < sizeof codes / sizeof codes[0]);
    return codes[code].http_status;
}
