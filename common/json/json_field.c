#include "common/json/json_field.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/utf8.h"
#include "common/base/uuid.h"
#include "common/json/json_scan.h"

enum { JSON_PATH_MAX = 2 * ERR_FIELD_MAX, JSON_FIELDS_MAX = 64 };
static const double LARGEST_EXACT = 9007199254740992.0; /* 2^53 */

/* One value on its way from the text to its member. */
struct reading {
    const struct json_field *field; /* NULL: an unknown one */
    const char *prefix, *name;      /* of the path in errors */
    size_t index;                   /* of an item; NO_INDEX: the value is none */
    struct arena *arena;
    struct err *err;
    char key[ERR_FIELD_MAX + 4]; /* what is cut here, err cuts again, at a character */
    char path[JSON_PATH_MAX];    /* written when it is needed */
};
static const size_t NO_INDEX = SIZE_MAX;
typedef bool read_fn(struct reading *r, struct json_slice value, void *member);

static const char *path_of(struct reading *r)
{
    if (r->index == NO_INDEX)
        snprintf(r->path, sizeof r->path, "%s%s", r->prefix, r->name);
    else
        snprintf(r->path, sizeof r->path, "%s%s[%zu]", r->prefix, r->name, r->index);
    return r->path;
}

/* cJSON parses one value at a time, and only where that takes more than copying: what a client may
 * make us allocate is bounded by the limit of the body, and never a tree of things nobody asked for. */
static cJSON *parse(struct json_slice value)
{
    cJSON *parsed = cJSON_ParseWithLength(value.text, value.n_bytes);

    assert(parsed != NULL); /* checked before; allocation does not fail */
    return parsed;
}

static bool refuse_kind(struct reading *r, const char *wanted, struct json_slice value)
{
    return err_add_field(r->err, path_of(r), "must be %s, not %s", wanted, json_slice_kind(value));
}

static bool has_escape(struct json_slice text)
{
    return memchr(text.text, '\\', text.n_bytes) != NULL;
}

/* Return the characters of a text, NULL and an error when it is none. */
static char *read_characters(struct reading *r, struct json_slice value)
{
    cJSON *parsed;
    char *text;

    if (value.text[0] != '"') {
        refuse_kind(r, "a text", value);
        return NULL;
    }
    if (!has_escape(value))
        return arena_copy_bytes(r->arena, value.text + 1, value.n_bytes - 2);
    parsed = parse(value);
    text = arena_copy_text(r->arena, cJSON_GetStringValue(parsed));
    cJSON_Delete(parsed);
    return text;
}

/* Return the first character of category Cc that the field does not allow, 0 when there is none. */
static unsigned control_character_in(const char *text, bool is_one_line)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        unsigned char next = (unsigned char)text[1];

        if (c == 0x7F || (c < 0x20 && (is_one_line || (c != '\n' && c != '\t'))))
            return c;
        if (c == 0xC2 && next < 0xA0)
            return next;
    }
    return 0;
}

static bool check_text(struct reading *r, const char *text)
{
    const struct json_field *field = r->field;
    bool is_one_line = (field->flags & JSON_ONE_LINE) != 0;
    bool is_verbatim = (field->flags & JSON_VERBATIM) != 0;
    unsigned control = is_verbatim ? 0 : control_character_in(text, is_one_line);
    int64_t length = (int64_t)utf8_count(text);

    if (length > field->max)
        return err_add_field(r->err, path_of(r), "is %" PRId64 " characters long; at most %" PRId64,
                             length, field->max);
    if (length < field->min)
        return err_add_field(r->err, path_of(r),
                             "is %" PRId64 " characters long; at least %" PRId64, length,
                             field->min);
    if (control != 0)
        return err_add_field(r->err, path_of(r), "has the control character U+%04X; %s", control,
                             is_one_line ? "none is allowed"
                                         : "of those only line feed and tab are allowed");
    return true;
}

static bool read_text(struct reading *r, struct json_slice value, void *member)
{
    char *text = read_characters(r, value);

    if (text == NULL || !check_text(r, text))
        return false;
    *(const char **)member = text;
    return true;
}

/* Plain digits are read exactly; a double holds no more than 2^53. */
static bool read_whole_number(struct json_slice value, int64_t *number)
{
    cJSON *parsed;
    double as_double;

    if (strspn(value.text, "-0123456789") >= value.n_bytes) {
        errno = 0;
        *number = strtoll(value.text, NULL, 10);
        return errno == 0;
    }
    parsed = parse(value);
    as_double = cJSON_GetNumberValue(parsed);
    cJSON_Delete(parsed);
    if (!(fabs(as_double) <= LARGEST_EXACT) || floor(as_double) < as_double)
        return false;
    *number = (int64_t)as_double;
    return true;
}

static bool read_int(struct reading *r, struct json_slice value, void *member)
{
    const struct json_field *field = r->field;
    int64_t number;

    if (value.text[0] != '-' && (value.text[0] < '0' || value.text[0] > '9'))
        return refuse_kind(r, "a whole number", value);
    if (!read_whole_number(value, &number))
        return err_add_field(
            r->err, path_of(r), "is %.*s; must be a whole number from %" PRId64 " to %" PRId64,
            value.n_bytes > 40 ? 40 : (int)value.n_bytes, value.text, field->min, field->max);
    if (number < field->min || number > field->max)
        return err_add_field(r->err, path_of(r),
                             "is %" PRId64 "; must be from %" PRId64 " to %" PRId64, number,
                             field->min, field->max);
    *(int64_t *)member = number;
    return true;
}

static bool read_bool(struct reading *r, struct json_slice value, void *member)
{
    if (value.text[0] != 't' && value.text[0] != 'f')
        return refuse_kind(r, "true or false", value);
    *(bool *)member = value.text[0] == 't';
    return true;
}

/* 1970-01-01T00:00:00Z itself stands for "none" in the struct, so nobody can mean it. */
static bool read_time(struct reading *r, struct json_slice value, void *member)
{
    char *text = read_characters(r, value);
    int64_t at;

    if (text == NULL)
        return false;
    if (!clock_read(text, &at) || at == 0)
        return err_add_field(r->err, path_of(r),
                             "must be an instant like 2026-11-21T09:46:00Z (RFC 3339), with a "
                             "zone, in the years 1970 to 9999");
    *(int64_t *)member = at;
    return true;
}

static bool refuse_word(struct reading *r)
{
    char words[ERR_TEXT_MAX] = "";
    size_t length = 0;

    for (size_t i = 0; r->field->words[i] != NULL && length < sizeof words; i++)
        length += (size_t)snprintf(words + length, sizeof words - length, "%s%s",
                                   i == 0 ? "" : ", ", r->field->words[i]);
    return err_add_field(r->err, path_of(r), "must be one of: %s", words);
}

static bool read_enum(struct reading *r, struct json_slice value, void *member)
{
    char *text = read_characters(r, value);

    if (text == NULL)
        return false;
    for (int i = 0; r->field->words[i] != NULL; i++)
        if (strcmp(r->field->words[i], text) == 0) {
            *(int *)member = i;
            return true;
        }
    return refuse_word(r);
}

static bool read_uuid(struct reading *r, struct json_slice value, void *member)
{
    char *text = read_characters(r, value);

    if (text == NULL)
        return false;
    if (!uuid_read(text, member))
        return err_add_field(r->err, path_of(r),
                             "must be a UUID: 36 characters, 8-4-4-4-12 hexadecimal digits");
    return true;
}

static char *copy_minified(struct json_slice value, struct arena *arena)
{
    char *copy = arena_copy_bytes(arena, value.text, value.n_bytes);
    char *to = copy;
    bool is_in_text = false;

    for (const char *from = copy; *from != '\0'; from++) {
        if (!is_in_text && (*from == ' ' || *from == '\n' || *from == '\r' || *from == '\t'))
            continue;
        if (*from == '"')
            is_in_text = !is_in_text;
        *to++ = *from;
        if (is_in_text && *from == '\\')
            *to++ = *++from;
    }
    *to = '\0';
    return copy;
}

static bool read_raw(struct reading *r, struct json_slice value, void *member)
{
    *(const char **)member = copy_minified(value, r->arena);
    return true;
}

static size_t count_items(struct json_slice array)
{
    struct json_walk walk = json_walk_begin(array);
    struct json_slice item;
    size_t count = 0;

    while (json_walk_next(&walk, NULL, &item))
        count++;
    return count;
}

static bool read_list(struct reading *r, struct json_slice value, void *member)
{
    read_fn *read_item = r->field->kind == JSON_KIND_RAWS ? read_raw : read_text;
    struct json_texts list = {0};
    struct json_walk walk;
    struct json_slice item;
    bool is_good = true;

    if (value.text[0] != '[')
        return refuse_kind(r, "an array", value);
    list.n_items = count_items(value);
    if (list.n_items > r->field->max_items)
        return err_add_field(r->err, path_of(r), "has %zu items; at most %zu", list.n_items,
                             r->field->max_items);
    list.items = ARENA_NEW_ARRAY(r->arena, list.n_items, const char *);
    walk = json_walk_begin(value);
    for (r->index = 0; json_walk_next(&walk, NULL, &item); r->index++)
        is_good = read_item(r, item, &list.items[r->index]) && is_good;
    r->index = NO_INDEX;
    if (is_good)
        *(struct json_texts *)member = list;
    return is_good;
}

static void set_none(const struct json_field *field, void *member)
{
    switch (field->kind) {
    case JSON_KIND_TEXT:
    case JSON_KIND_RAW:
        *(const char **)member = NULL;
        break;
    case JSON_KIND_INT:
    case JSON_KIND_TIME:
        *(int64_t *)member = 0;
        break;
    case JSON_KIND_BOOL:
        *(bool *)member = false;
        break;
    case JSON_KIND_ENUM:
        *(int *)member = -1;
        break;
    case JSON_KIND_UUID:
        ((struct uuid *)member)->text[0] = '\0';
        break;
    case JSON_KIND_TEXTS:
    case JSON_KIND_RAWS:
        *(struct json_texts *)member = (struct json_texts){0};
        break;
    }
}

static read_fn *const read_kind[] = {
    [JSON_KIND_TEXT] = read_text,  [JSON_KIND_INT] = read_int,   [JSON_KIND_BOOL] = read_bool,
    [JSON_KIND_TIME] = read_time,  [JSON_KIND_ENUM] = read_enum, [JSON_KIND_UUID] = read_uuid,
    [JSON_KIND_TEXTS] = read_list, [JSON_KIND_RAW] = read_raw,   [JSON_KIND_RAWS] = read_list,
};

static bool read_member(struct reading *r, struct json_slice value, void *target)
{
    void *member = (char *)target + r->field->offset;

    if (value.text[0] != 'n')
        return read_kind[r->field->kind](r, value, member);
    if ((r->field->flags & JSON_NULLABLE) == 0)
        return err_add_field(r->err, path_of(r), "must not be null");
    set_none(r->field, member);
    return true;
}

/* Write the characters of a key, cut to what an error can show, and return whether all fitted. */
static bool read_key(struct json_slice key, char *name, size_t size)
{
    cJSON *parsed;
    size_t length;
    bool fits;

    if (!has_escape(key)) {
        fits = key.n_bytes - 2 < size;
        length = fits ? key.n_bytes - 2 : size - 1;
        memcpy(name, key.text + 1, length);
        name[length] = '\0';
        return fits;
    }
    parsed = parse(key);
    fits = strlen(cJSON_GetStringValue(parsed)) < size;
    snprintf(name, size, "%s", cJSON_GetStringValue(parsed));
    cJSON_Delete(parsed);
    return fits;
}

static const struct json_field *find_field(const struct json_reading *reading, const char *name)
{
    for (size_t i = 0; i < reading->n_fields; i++)
        if (strcmp(reading->fields[i].name, name) == 0 &&
            (reading->fields[i].flags & JSON_READ_ONLY) == 0)
            return &reading->fields[i];
    return NULL;
}

static bool read_pair(const struct json_reading *reading, struct reading *r, struct json_slice key,
                      struct json_slice value, void *target, uint64_t *found)
{
    bool fits = read_key(key, r->key, sizeof r->key);
    uint64_t bit;

    r->field = fits ? find_field(reading, r->key) : NULL;
    r->name = r->key;
    if (r->field == NULL)
        return reading->unknown == JSON_IGNORE_UNKNOWN ||
               err_add_field(r->err, path_of(r), "is not a known field");
    bit = UINT64_C(1) << (r->field - reading->fields);
    if ((*found & bit) != 0)
        return err_add_field(r->err, path_of(r), "stands twice");
    *found |= bit;
    return read_member(r, value, target);
}

static bool check_required(const struct json_reading *reading, struct reading *r, uint64_t found)
{
    bool is_good = true;

    for (size_t i = 0; i < reading->n_fields; i++) {
        if ((reading->fields[i].flags & JSON_REQUIRED) == 0 || (found >> i & 1) != 0)
            continue;
        r->name = reading->fields[i].name;
        is_good = err_add_field(r->err, path_of(r), "is required");
    }
    return is_good;
}

/* The path is then that of the object itself: without the dot that leads to its fields. */
static bool refuse_non_object(const char *prefix, struct json_slice value, struct err *err)
{
    char path[JSON_PATH_MAX];
    size_t length = strlen(prefix);

    if (length == 0)
        return err_set(err, ERR_INVALID, "must be an object, not %s", json_slice_kind(value));
    snprintf(path, sizeof path, "%s", prefix);
    if (length < sizeof path && path[length - 1] == '.')
        path[length - 1] = '\0';
    return err_add_field(err, path, "must be an object, not %s", json_slice_kind(value));
}

bool json_read(const char *text, size_t n_bytes, const struct json_reading *reading,
               struct arena *arena, void *target, struct err *err)
{
    struct reading r = {.prefix = reading->path == NULL ? "" : reading->path,
                        .index = NO_INDEX,
                        .arena = arena,
                        .err = err};
    struct json_slice document, key, value;
    struct json_walk walk;
    uint64_t found = 0;
    bool is_good = true;

    assert(reading->n_fields <= JSON_FIELDS_MAX);
    if (reading->present != NULL)
        *reading->present = 0;
    if (!json_scan_check(text, n_bytes, &document, err))
        return false;
    if (document.text[0] != '{')
        return refuse_non_object(r.prefix, document, err);
    walk = json_walk_begin(document);
    while (json_walk_next(&walk, &key, &value))
        is_good = read_pair(reading, &r, key, value, target, &found) && is_good;
    is_good = check_required(reading, &r, found) && is_good;
    if (reading->present != NULL)
        *reading->present = found;
    return is_good;
}

uint64_t json_field_bit(const struct json_field *fields, size_t n_fields, const char *name)
{
    size_t i = 0;

    while (i < n_fields && strcmp(fields[i].name, name) != 0)
        i++;
    assert(i < n_fields); /* the name is in the table */
    return UINT64_C(1) << i;
}

bool json_read_pairs(const char *text, size_t n_bytes, json_pair_fn *each, void *arg,
                     struct err *err)
{
    struct json_slice document;
    const cJSON *pair;
    cJSON *parsed;
    bool is_good = true;

    if (!json_scan_check(text, n_bytes, &document, err))
        return false;
    if (document.text[0] != '{')
        return err_set(err, ERR_INVALID, "must be an object, not %s", json_slice_kind(document));
    parsed = parse(document);
    for (pair = parsed->child; pair != NULL; pair = pair->next)
        if (!cJSON_IsString(pair))
            is_good = err_add_field(err, pair->string, "must be a text");
    for (pair = parsed->child; is_good && pair != NULL; pair = pair->next)
        each(arg, pair->string, pair->valuestring);
    cJSON_Delete(parsed);
    return is_good;
}

bool json_read_array(const char *text, size_t n_bytes, size_t max_items, struct arena *arena,
                     struct json_texts *list, struct err *err)
{
    const struct json_field field = {.kind = JSON_KIND_RAWS, .max_items = max_items};
    struct reading r = {.field = &field, .arena = arena};
    struct json_slice document;

    if (!json_scan_check(text, n_bytes, &document, err))
        return false;
    if (document.text[0] != '[')
        return err_set(err, ERR_INVALID, "must be an array, not %s", json_slice_kind(document));
    if (!read_list(&r, document, list))
        return err_set(err, ERR_INVALID, "has %zu items; at most %zu", count_items(document),
                       max_items);
    return true;
}
