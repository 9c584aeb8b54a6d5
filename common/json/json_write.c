/* The writing half of json_field.h. */
#include "common/base/uuid.h"
#include "common/json/json_field.h"
#include "common/json/json_out.h"

static bool is_none(const struct json_field *field, const void *member)
{
    switch (field->kind) {
    case JSON_KIND_TEXT:
    case JSON_KIND_RAW:
        return *(const char *const *)member == NULL;
    case JSON_KIND_INT:
        return (field->flags & JSON_NULLABLE) != 0 && *(const int64_t *)member == 0;
    case JSON_KIND_TIME:
        return *(const int64_t *)member == 0;
    case JSON_KIND_BOOL:
        return false;
    case JSON_KIND_ENUM:
        return *(const int *)member < 0;
    case JSON_KIND_UUID:
        return ((const struct uuid *)member)->text[0] == '\0';
    case JSON_KIND_TEXTS:
    case JSON_KIND_RAWS:
        return ((const struct json_texts *)member)->n_items == 0;
    }
    return false;
}

static void write_list(struct json_out *out, const struct json_field *field,
                       const struct json_texts *list)
{
    json_open_array(out, field->name);
    for (size_t i = 0; i < list->n_items; i++) {
        if (field->kind == JSON_KIND_TEXTS)
            json_text(out, NULL, list->items[i]);
        else
            json_raw(out, NULL, list->items[i]);
    }
    json_close_array(out);
}

static void write_member(struct json_out *out, const struct json_field *field, const void *member)
{
    switch (field->kind) {
    case JSON_KIND_TEXT:
        json_text(out, field->name, *(const char *const *)member);
        break;
    case JSON_KIND_INT:
        json_int(out, field->name, *(const int64_t *)member);
        break;
    case JSON_KIND_BOOL:
        json_bool(out, field->name, *(const bool *)member);
        break;
    case JSON_KIND_TIME:
        json_time(out, field->name, *(const int64_t *)member);
        break;
    case JSON_KIND_ENUM:
        json_text(out, field->name, field->words[*(const int *)member]);
        break;
    case JSON_KIND_UUID:
        json_text(out, field->name, ((const struct uuid *)member)->text);
        break;
    case JSON_KIND_RAW:
        json_raw(out, field->name, *(const char *const *)member);
        break;
    case JSON_KIND_TEXTS:
    case JSON_KIND_RAWS:
        write_list(out, field, member);
        break;
    }
}

void json_write_fields(struct json_out *out, const struct json_field *fields, size_t n_fields,
                       const void *source)
{
    for (size_t i = 0; i < n_fields; i++) {
        const struct json_field *field = &fields[i];
        const void *member = (const char *)source + field->offset;
        bool is_list = field->kind == JSON_KIND_TEXTS || field->kind == JSON_KIND_RAWS;

        if (!is_none(field, member) || (is_list && (field->flags & JSON_OMIT_NONE) == 0))
            write_member(out, field, member);
        else if ((field->flags & JSON_OMIT_NONE) == 0)
            json_null(out, field->name);
    }
}

void json_write_object(struct buf *out, const struct json_field *fields, size_t n_fields,
                       const void *source)
{
    struct json_out json;

    json_out_init(&json, out);
    json_open_object(&json, NULL);
    json_write_fields(&json, fields, n_fields, source);
    json_close_object(&json);
}

const char *json_object_text(const struct json_field *fields, size_t n_fields, const void *source,
                             struct arena *arena)
{
    const char *text;
    struct buf buf;

    buf_init(&buf);
    json_write_object(&buf, fields, n_fields, source);
    text = arena_copy_bytes(arena, buf.bytes, buf.n_bytes);
    buf_clear(&buf);
    return text;
}
