/* common/json/json_field.h — JSON objects to structs and back, by one table of fields.
 *
 *     static const struct json_field task_fields[] = {
 *         JSON_TEXT(struct task, title, "title", JSON_REQUIRED, 1, TASK_TITLE_MAX),
 *         JSON_TIME(struct task, due_at, "due_at", JSON_NULLABLE),
 *     };
 * Reading also yields which fields were present: absent ≠ null. cJSON never leaves this folder.
 * Source: RFC 8259; instants RFC 3339 §5.6. */
#ifndef COMMON_JSON_JSON_FIELD_H
#define COMMON_JSON_JSON_FIELD_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"

struct buf;
struct json_out;

enum json_kind {
    JSON_KIND_TEXT, /* const char *, limits in code points; control characters (C0, DEL, C1) but
                        \n and \t refused */
    JSON_KIND_INT,  /* int64_t; a whole number, 3.0 too; a nullable one takes 0 for none */
    JSON_KIND_BOOL, /* bool */
    JSON_KIND_TIME, /* int64_t, ms since 1970 UTC, years 1970 to 9999; 0 is none, so not readable */
    JSON_KIND_ENUM, /* int, index into words; -1 is none */
    JSON_KIND_UUID, /* struct uuid; "" is none */
    JSON_KIND_TEXTS, /* struct json_texts; limits of each text; words is NULL; at most max_items */
    JSON_KIND_RAW,   /* const char *, any JSON value as text, minified */
    JSON_KIND_RAWS,  /* struct json_texts, an array of any JSON values as texts */
};

enum json_flags {
    JSON_OPTIONAL = 0,
    JSON_REQUIRED = 1,  /* absent is an error */
    JSON_NULLABLE = 2,  /* null is fine: NULL, 0 (time, int), -1 (enum), "" (uuid), no items */
    JSON_READ_ONLY = 4, /* written only; in input it is an unknown field */
    JSON_OMIT_NONE = 8, /* writing leaves out what is none, instead of null */
    JSON_ONE_LINE = 16, /* of a text: \n and \t are refused too */
    JSON_VERBATIM = 32, /* of a text: control characters are fine: it is someone else's */
};

struct json_texts {
    const char **items; /* in the arena */
    size_t n_items;
};

struct json_field {
    enum json_kind kind;
    int flags;
    size_t offset;
    const char *name;
    int64_t min, max;
    size_t max_items;
    const char *const *words; /* NULL-terminated */
};

#define JSON_TEXT(type, member, name, flags, min, max)                                             \
    {                                                                                              \
        JSON_KIND_TEXT, flags, offsetof(type, member), name, min, max, 0, NULL                     \
    }
#define JSON_INT(type, member, name, flags, min, max)                                              \
    {                                                                                              \
        JSON_KIND_INT, flags, offsetof(type, member), name, min, max, 0, NULL                      \
    }
#define JSON_BOOL(type, member, name, flags)                                                       \
    {                                                                                              \
        JSON_KIND_BOOL, flags, offsetof(type, member), name, 0, 0, 0, NULL                         \
    }
#define JSON_TIME(type, member, name, flags)                                                       \
    {                                                                                              \
        JSON_KIND_TIME, flags, offsetof(type, member), name, 0, 0, 0, NULL                         \
    }
#define JSON_ENUM(type, member, name, flags, words)                                                \
    {                                                                                              \
        JSON_KIND_ENUM, flags, offsetof(type, member), name, 0, 0, 0, words                        \
    }
#define JSON_UUID(type, member, name, flags)                                                       \
    {                                                                                              \
        JSON_KIND_UUID, flags, offsetof(type, member), name, 0, 0, 0, NULL                         \
    }
#define JSON_TEXTS(type, member, name, flags, max_items, min, max)                                 \
    {                                                                                              \
        JSON_KIND_TEXTS, flags, offsetof(type, member), name, min, max, max_items, NULL            \
    }
#define JSON_RAW(type, member, name, flags)                                                        \
    {                                                                                              \
        JSON_KIND_RAW, flags, offsetof(type, member), name, 0, 0, 0, NULL                          \
    }
#define JSON_RAWS(type, member, name, flags, max_items)                                            \
    {                                                                                              \
        JSON_KIND_RAWS, flags, offsetof(type, member), name, 0, 0, max_items, NULL                 \
    }

enum { JSON_DEPTH_MAX = 32 };
enum json_unknown { JSON_REFUSE_UNKNOWN, JSON_IGNORE_UNKNOWN };

/** How to read: all members but fields may be zero. */
struct json_reading {
    const struct json_field *fields;
    size_t n_fields; /* at most 64 */
    enum json_unknown unknown;
    const char *path;  /* put before field names in errors: "operations[3]."; NULL: none */
    uint64_t *present; /* gets bit i for each field i that was there, null too; NULL: not wanted */
};

/** Read one JSON object of `n_bytes` into `target`, texts into `arena`. Absent fields leave their
 *  member alone.
 *  Fail with ERR_INVALID: malformed (RFC 8259 strictly; the byte is named), invalid UTF-8, NUL,
 *  deeper than JSON_DEPTH_MAX, not an object; and one field entry for each key twice (but those
 *  that are ignored), unknown field, wrong type, null, missing or out-of-limit value, naming the
 *  limit. Entries are added to those `err` has already (of another object of the same request). */
MUST_CHECK bool json_read(const char *text, size_t n_bytes, const struct json_reading *reading,
                          struct arena *arena, void *target, struct err *err);

/** Return the bit of the field named `name` in `present` masks; it must be in the table. */
uint64_t json_field_bit(const struct json_field *fields, size_t n_fields, const char *name);

/** Write the members, key by key, into the object that is open in `out`. */
void json_write_fields(struct json_out *out, const struct json_field *fields, size_t n_fields,
                       const void *source);

/** Append them as one whole object. */
void json_write_object(struct buf *out, const struct json_field *fields, size_t n_fields,
                       const void *source);

/** Return them as one whole object, in the arena. */
const char *json_object_text(const struct json_field *fields, size_t n_fields, const void *source,
                             struct arena *arena);

/** Read an object whose values are all texts, whatever the keys: call `each` for each pair. */
typedef void json_pair_fn(void *arg, const char *key, const char *value);
MUST_CHECK bool json_read_pairs(const char *text, size_t n_bytes, json_pair_fn *each, void *arg,
                                struct err *err);

/** Read an array of any values into `list`, each as JSON text in `arena`. */
MUST_CHECK bool json_read_array(const char *text, size_t n_bytes, size_t max_items,
                                struct arena *arena, struct json_texts *list, struct err *err);

#endif
