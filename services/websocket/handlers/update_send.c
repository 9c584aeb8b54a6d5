/* task-updates — each update becomes one frame, sent to every open browser of its owner. */
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/events/notification_update.h"
#include "common/events/task.h"
#include "common/json/json_out.h"
#include "services/websocket/app.h"
#include "services/websocket/handlers/handlers.h"
#include "services/websocket/probe.h"
#include "services/websocket/sockets/frame.h"
#include "services/websocket/sockets/hub.h"

/* Clocks of two machines may differ by so much. */
enum { SKEW_MS = 5000 };

/* A group of Redis starts at the oldest entry it has. What happened before this process began is
 * known to `sync`, which every browser asks after its hello. */
static bool is_too_old(const struct app *app, const struct event *event)
{
    return event->time < app->started_at - SKEW_MS;
}

static bool read_owner(const struct event *event, struct uuid *owner, struct err *err)
{
    if (!uuid_read(event->owner_id, owner))
        return err_add_field(err, "ownerid", "is not a UUID");
    if (event->seq <= 0)
        return err_add_field(err, "seq", "is missing: the browsers order by it");
    return true;
}

/* Whether to send a frame. What is dropped is noted first: the pings tell of its seq. */
static bool is_due(const struct app *app, const struct uuid *owner, const struct event *event)
{
    return hub_note(app->hub, owner, event->seq) && !is_too_old(app, event);
}

/* Begin {"type":…,"seq":… in `text`. */
static void begin_frame(struct json_out *out, struct buf *text, const struct event *event,
                        const char *type)
{
    buf_init(text);
    json_out_init(out, text);
    json_open_object(out, NULL);
    json_text(out, "type", type);
    json_int(out, "seq", event->seq);
}

static void end_frame(struct json_out *out, struct buf *text, struct app *app,
                      const struct uuid *owner)
{
    struct frame *frame;

    json_close_object(out);
    frame = frame_new(FRAME_TEXT, text->bytes, text->n_bytes);
    hub_send(app->hub, owner, frame);
    frame_unref(frame);
    buf_clear(text);
}

/* Make {"type":…,"seq":…,<key>:<json>} and send it. */
static void send_frame(struct app *app, const struct uuid *owner, const struct event *event,
                       const char *type, const char *key, const char *json)
{
    struct json_out out;
    struct buf text;

    begin_frame(&out, &text, event, type);
    json_raw(&out, key, json);
    end_frame(&out, &text, app, owner);
}

void update_send_task(void *context, struct delivery *delivery)
{
    struct app *app = context;
    const struct event *event = delivery_event(delivery);
    struct err err = {0};
    struct uuid owner;

    if (read_owner(event, &owner, &err) && is_due(app, &owner, event))
        send_frame(app, &owner, event, "task", "task", event->data);
    delivery_finish(delivery, err_is_set(&err) ? &err : NULL);
}

static bool read_data(struct delivery *delivery, const struct json_field *fields, size_t n_fields,
                      void *into, struct err *err)
{
    const struct event *event = delivery_event(delivery);
    const struct json_reading reading = {
        .fields = fields, .n_fields = n_fields, .unknown = JSON_IGNORE_UNKNOWN, .path = "data."};

    return json_read(event->data, strlen(event->data), &reading, delivery_arena(delivery), into,
                     err);
}

void update_send_purged(void *context, struct delivery *delivery)
{
    struct app *app = context;
    const struct event *event = delivery_event(delivery);
    struct task_purged purged = {0};
    struct err err = {0};
    struct uuid owner;
    char id[UUID_TEXT_SIZE + 2];

    if (read_owner(event, &owner, &err) &&
        read_data(delivery, task_purged_fields, task_purged_n_fields, &purged, &err) &&
        is_due(app, &owner, event)) {
        snprintf(id, sizeof(id), "\"%s\"", purged.id.text);
        send_frame(app, &owner, event, "task_purged", "id", id);
    }
    delivery_finish(delivery, err_is_set(&err) ? &err : NULL);
}

void update_send_notification(void *context, struct delivery *delivery)
{
    struct app *app = context;
    const struct event *event = delivery_event(delivery);
    struct notification_update update = {0};
    struct err err = {0};
    struct uuid owner;
    struct json_out out;
    struct buf text;

    if (read_owner(event, &owner, &err) &&
        read_data(delivery, notification_update_fields, notification_update_n_fields, &update,
                  &err) &&
        is_due(app, &owner, event)) {
        begin_frame(&out, &text, event, "notification");
        json_write_fields(&out, notification_update_fields, notification_update_n_fields, &update);
        end_frame(&out, &text, app, &owner);
    }
    delivery_finish(delivery, err_is_set(&err) ? &err : NULL);
}

void update_close_user(void *context, struct delivery *delivery)
{
    struct app *app = context;
    const struct event *event = delivery_event(delivery);
    struct err err = {0};
    struct uuid owner;

    if (!is_too_old(app, event) && read_owner(event, &owner, &err))
        hub_close_user(app->hub, &owner, SOCKET_CODE_POLICY, "the account has been deleted");
    delivery_finish(delivery, err_is_set(&err) ? &err : NULL);
}

/* Every socket, as none knows its session: a browser whose session goes on takes a new ticket. */
void update_sign_out(void *context, struct delivery *delivery)
{
    struct app *app = context;
    const struct event *event = delivery_event(delivery);
    struct err err = {0};
    struct uuid owner;

    if (!is_too_old(app, event) && read_owner(event, &owner, &err))
        hub_close_user(app->hub, &owner, SOCKET_CODE_POLICY, "signed out");
    delivery_finish(delivery, err_is_set(&err) ? &err : NULL);
}

void update_heed_probe(void *context, struct delivery *delivery)
{
    struct app *app = context;

    probe_heed(app->probe, delivery_event(delivery));
    delivery_finish(delivery, NULL);
}

void update_ignore(void *context, struct delivery *delivery)
{
    (void)context;
    delivery_finish(delivery, NULL);
}
