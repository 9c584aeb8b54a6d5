#include "services/notification/channels/payload.h"

#include "common/json/json_out.h"

static const char *id_or_null(const struct uuid *id)
{
    return id->text[0] != '\0' ? id->text : NULL;
}

void payload_write_url(const struct outgoing *outgoing, const char *public_url, struct buf *out)
{
    const char *task_id = id_or_null(&outgoing->notification.task_id);

    buf_add_text(out, public_url);
    buf_add_char(out, '/');
    if (task_id != NULL)
        buf_format(out, "tasks/%s", task_id);
}

static void write_tasks(const struct outgoing *outgoing, struct json_out *out)
{
    json_open_array(out, "tasks");
    for (size_t i = 0; i < outgoing->n_tasks && i < PAYLOAD_TASKS_MAX; i++) {
        json_open_object(out, NULL);
        json_text(out, "id", outgoing->tasks[i].id.text);
        json_text(out, "title", outgoing->tasks[i].title);
        json_time(out, "due_at", outgoing->tasks[i].due_at);
        json_close_object(out);
    }
    json_close_array(out);
    json_int(out, "tasks_total", (int64_t)outgoing->n_tasks);
}

/* What both have. */
static void write_facts(const struct outgoing *outgoing, const char *public_url,
                        struct json_out *out)
{
    const struct notification *notification = &outgoing->notification;
    struct buf url;

    buf_init(&url);
    payload_write_url(outgoing, public_url, &url);
    json_text(out, "id", notification->id.text);
    json_text(out, "kind", notification_kind_words[notification->kind]);
    json_text(out, "title", notification->title);
    json_text(out, "url", buf_text(&url));
    json_text(out, "task_id", id_or_null(&notification->task_id));
    json_text(out, "reminder_id", id_or_null(&notification->reminder_id));
    json_time(out, "remind_at", notification->remind_at);
    json_time(out, "due_at", outgoing->due_at);
    json_int(out, "late_ms", outgoing->late_ms);
    buf_clear(&url);
}

void payload_write_webhook(const struct outgoing *outgoing, const char *public_url, struct buf *out)
{
    struct json_out json;

    json_out_init(&json, out);
    json_open_object(&json, NULL);
    json_text(&json, "type", notification_kind_words[outgoing->notification.kind]);
    json_time(&json, "timestamp", outgoing->notification.remind_at);
    json_open_object(&json, "data");
    write_facts(outgoing, public_url, &json);
    json_text(&json, "time_zone", outgoing->time_zone);
    if (outgoing->notification.kind == NOTIFICATION_DIGEST)
        write_tasks(outgoing, &json);
    json_close_object(&json);
    json_close_object(&json);
}

void payload_write_push(const struct outgoing *outgoing, const char *public_url, const char *body,
                        struct buf *out)
{
    struct json_out json;

    json_out_init(&json, out);
    json_open_object(&json, NULL);
    write_facts(outgoing, public_url, &json);
    json_text(&json, "body", body);
    json_close_object(&json);
}
