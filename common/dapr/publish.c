/* common/dapr/publish.c — events to the sidecar, one or in bulk.
 *
 * A bulk is sent in parts of at most PART_MAX_BYTES, one after the other, because the sidecar
 * refuses a body over 4 MiB; so the order within the bulk stays. The sidecar takes the CloudEvent as
 * an object in the entry and gives it on with our id. */
#include "common/dapr/publish.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/json/json_field.h"
#include "common/json/json_out.h"

enum { PART_MAX_BYTES = 2 * 1024 * 1024 };

#define CLOUD_EVENT_TYPE "application/cloudevents+json"

void dapr_publish_event(struct dapr *dapr, const struct dapr_topic *topic,
                        const struct event *event, dapr_done_fn *done, void *arg)
{
    struct buf path, body;

    buf_init(&path);
    buf_init(&body);
    buf_format(&path, "/v1.0/publish/%s/%s?metadata.partitionKey=%s", topic->pubsub, topic->name,
               event->owner_id);
    event_write(event, &body);
    dapr_send_plain(dapr,
                    &(struct dapr_request){.method = HTTP_POST,
                                           .path = buf_text(&path),
                                           .content_type = CLOUD_EVENT_TYPE,
                                           .traceparent = event->traceparent,
                                           .body = body.bytes,
                                           .n_bytes = body.n_bytes,
                                           .limit_ms = topic->limit_ms},
                    done, arg);
    buf_clear(&path);
    buf_clear(&body);
}

/** The body of one part: a JSON array of the entries from `first` on. */
struct part {
    struct buf body;
    size_t first, end;
};

struct bulk {
    struct dapr *dapr;
    char *path;
    int64_t until; /* monotonic, ms */
    dapr_bulk_done_fn *done;
    void *arg;
    bool *has_failed;
    size_t n_events;
    struct part *parts;
    size_t n_parts, next;
    bool has_worked; /* some part did */
    struct err err;  /* of the first part that failed as a whole */
};

static void write_entry(struct buf *body, size_t index, const struct event *event)
{
    struct json_out json;
    struct buf text;
    char id[24];

    snprintf(id, sizeof id, "%zu", index);
    buf_init(&text);
    event_write(event, &text);
    json_out_init(&json, body);
    json_open_object(&json, NULL);
    json_text(&json, "entryId", id);
    json_raw(&json, "event", buf_text(&text));
    json_text(&json, "contentType", CLOUD_EVENT_TYPE);
    json_open_object(&json, "metadata");
    json_text(&json, "partitionKey", event->owner_id);
    json_close_object(&json);
    json_close_object(&json);
    buf_clear(&text);
}

static void write_parts(struct bulk *bulk, const struct event *events)
{
    struct part *part = NULL;
    struct buf entry;

    buf_init(&entry);
    for (size_t i = 0; i < bulk->n_events; i++) {
        buf_reset(&entry);
        write_entry(&entry, i, &events[i]);
        if (part == NULL || part->body.n_bytes + entry.n_bytes > PART_MAX_BYTES) {
            bulk->parts = mem_resize(bulk->parts, bulk->n_parts + 1, sizeof *bulk->parts);
            part = &bulk->parts[bulk->n_parts++];
            buf_init(&part->body);
            part->first = i;
        }
        buf_add_char(&part->body, i == part->first ? '[' : ',');
        buf_add(&part->body, entry.bytes, entry.n_bytes);
        part->end = i + 1;
    }
    for (size_t i = 0; i < bulk->n_parts; i++)
        buf_add_char(&bulk->parts[i].body, ']');
    buf_clear(&entry);
}

static void finish_bulk(struct bulk *bulk)
{
    bool all_failed = !bulk->has_worked && err_is_set(&bulk->err);

    bulk->done(bulk->arg, bulk->has_failed, bulk->n_events, all_failed ? &bulk->err : NULL);
    for (size_t i = 0; i < bulk->n_parts; i++)
        buf_clear(&bulk->parts[i].body);
    mem_free(bulk->parts);
    mem_free(bulk->has_failed);
    mem_free(bulk->path);
    mem_free(bulk);
}

/** Mark every entry from `first` to `end`. */
static void mark_failed(struct bulk *bulk, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++)
        bulk->has_failed[i] = true;
}

struct bulk_reply {
    struct json_texts failed;
};

struct failed_entry {
    const char *id;
};

/** Mark one of the reply's failedEntries; return whether it names an entry of this part. */
static bool mark_entry(struct bulk *bulk, const struct part *part, const char *json,
                       struct arena *arena)
{
    static const struct json_field fields[] = {
        JSON_TEXT(struct failed_entry, id, "entryId", JSON_REQUIRED, 1, 20),
    };
    static const struct json_reading reading = {
        .fields = fields, .n_fields = 1, .unknown = JSON_IGNORE_UNKNOWN};
    struct failed_entry entry = {0};
    size_t index = 0;

    if (!json_read(json, strlen(json), &reading, arena, &entry, NULL))
        return false;
    for (const char *c = entry.id; *c != '\0'; c++) {
        if (*c < '0' || *c > '9' || index > part->end)
            return false;
        index = index * 10 + (size_t)(*c - '0');
    }
    if (index < part->first || index >= part->end)
        return false;
    bulk->has_failed[index] = true;
    return true;
}

/** Read which entries failed out of an answer that is not a success. Return false when it does not
 *  say so in full: then all count as failed. */
static bool read_failed(struct bulk *bulk, const struct part *part,
                        const struct http_answer *answer)
{
    static const struct json_field fields[] = {
        JSON_RAWS(struct bulk_reply, failed, "failedEntries", JSON_REQUIRED, 100000),
    };
    static const struct json_reading reading = {
        .fields = fields, .n_fields = 1, .unknown = JSON_IGNORE_UNKNOWN};
    struct bulk_reply reply = {0};
    struct arena arena;
    bool ok;

    arena_init(&arena);
    ok = json_read(answer->body, answer->n_bytes, &reading, &arena, &reply, NULL) &&
         reply.failed.n_items > 0;
    for (size_t i = 0; ok && i < reply.failed.n_items; i++)
        ok = mark_entry(bulk, part, reply.failed.items[i], &arena);
    arena_clear(&arena);
    return ok;
}

static http_answered_fn on_part_sent;

static void send_part(struct bulk *bulk)
{
    const struct part *part = &bulk->parts[bulk->next];
    int64_t left_ms = bulk->until - clock_monotonic_ms();

    dapr_send(bulk->dapr,
              &(struct dapr_request){.method = HTTP_POST,
                                     .path = bulk->path,
                                     .content_type = "application/json",
                                     .body = part->body.bytes,
                                     .n_bytes = part->body.n_bytes,
                                     .limit_ms = left_ms > 1 ? (int)left_ms : 1},
              on_part_sent, bulk);
}

static void on_part_sent(void *arg, const struct http_answer *answer, const struct err *err)
{
    struct bulk *bulk = arg;
    struct part *part = &bulk->parts[bulk->next++];

    if (err == NULL || (answer != NULL && read_failed(bulk, part, answer))) {
        bulk->has_worked = true;
    } else {
        bulk->err = *err;
        mark_failed(bulk, part->first, bulk->n_events); /* the parts behind it are not sent */
        bulk->next = bulk->n_parts;
    }
    buf_clear(&part->body);
    if (bulk->next < bulk->n_parts)
        send_part(bulk);
    else
        finish_bulk(bulk);
}

void dapr_publish_bulk(struct dapr *dapr, const struct dapr_topic *topic,
                       const struct event *events, size_t n_events, dapr_bulk_done_fn *done,
                       void *arg)
{
    struct bulk *bulk = MEM_NEW(struct bulk);
    struct buf path;

    assert(n_events > 0);
    buf_init(&path);
    buf_format(&path, "/v1.0/publish/bulk/%s/%s", topic->pubsub, topic->name);
    *bulk = (struct bulk){.dapr = dapr,
                          .path = mem_copy_text(buf_text(&path)),
                          .until = clock_monotonic_ms() + topic->limit_ms,
                          .done = done,
                          .arg = arg,
                          .has_failed = mem_new_array(n_events, sizeof(bool)),
                          .n_events = n_events};
    buf_clear(&path);
    write_parts(bulk, events);
    send_part(bulk);
}
