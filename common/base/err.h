/* common/base/err.h — what went wrong: one struct, filled where it happens, judged once.
 * A handler turns `code` into an HTTP status or an answer to Dapr; nothing else does. */
#ifndef COMMON_BASE_ERR_H
#define COMMON_BASE_ERR_H

#include <stdbool.h>
#include <stddef.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_at, first_at) __attribute__((format(printf, format_at, first_at)))

enum err_code {
    ERR_NONE,            /* nothing is wrong */
    ERR_INVALID,         /* 400: the input breaks a rule; fields[] says which */
    ERR_UNAUTHENTICATED, /* 401 */
    ERR_FORBIDDEN,       /* 403 */
    ERR_NOT_FOUND,       /* 404 */
    ERR_METHOD,          /* 405 */
    ERR_CONFLICT,        /* 409 */
    ERR_STALE,           /* 412: If-Match names another version */
    ERR_TOO_LARGE,       /* 413 */
    ERR_MEDIA_TYPE,      /* 415 */
    ERR_KEY_REUSED,      /* 422: the Idempotency-Key came before with another request */
    ERR_RATE,            /* 429 */
    ERR_TIMEOUT,         /* 503 or 504: a dependency did not answer in time */
    ERR_UNAVAILABLE,     /* 503: a dependency is away; trying again helps */
    ERR_INTERNAL,        /* 500: our mistake; trying again does not help */
};

enum { ERR_TEXT_MAX = 240, ERR_FIELD_MAX = 48, ERR_FIELDS_MAX = 8 };

struct err_field {
    char field[ERR_FIELD_MAX]; /* JSON path as the client wrote it: "title", "tags[3]" */
    char text[ERR_TEXT_MAX];   /* the rule with its limit: "is 501 characters long; at most 500" */
};

struct err {
    enum err_code code;
    const char *slug; /* static, stable, for programs: "stale_version"; NULL: that of `code` */
    char text[ERR_TEXT_MAX];
    size_t n_fields;
    struct err_field fields[ERR_FIELDS_MAX];
};

/** Set `code` and the text; forget earlier fields. Return false always, so that `return
 *  err_set(...)` reads well. NULL `err` is fine. Over-long text is cut at a character. */
bool err_set(struct err *err, enum err_code code, const char *format, ...) PRINTF_LIKE(3, 4);

/** The same, with a stable `slug` (static storage) of its own. */
bool err_set_slug(struct err *err, enum err_code code, const char *slug, const char *format, ...)
    PRINTF_LIKE(4, 5);

/** Add one entry to the fields, set ERR_INVALID and, if it is the first, the text to
 *  "field: text". Beyond ERR_FIELDS_MAX entries are dropped. Return false always. */
bool err_add_field(struct err *err, const char *field, const char *format, ...) PRINTF_LIKE(3, 4);

void err_clear(struct err *err);
bool err_is_set(const struct err *err);

/** Return whether trying the same again later may succeed (ERR_TIMEOUT, ERR_UNAVAILABLE, ERR_RATE). */
bool err_is_transient(const struct err *err);

/** Return the stable name of a code: "invalid", "not_found". Static storage. */
const char *err_code_name(enum err_code code);

/** Return the HTTP status of a code (RFC 9110 §15): ERR_INVALID → 400. */
int err_http_status(enum err_code code);

#endif
