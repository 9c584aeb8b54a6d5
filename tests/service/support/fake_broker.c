#include "tests/service/support/fake_broker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>
#include <cmocka.h>
#include <event2/buffer.h>
#include <event2/http.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/net/loop.h"

enum { FAILURES_MAX = 16, HELD_MAX = 16 };

struct fake_broker {
    struct evhttp *http;
    int port;
    enum broker_mode mode;
    struct taken *taken;
    size_t n_taken, n_room, n_bulks;
    struct failure {
        char owner_id[40];
        long seq;
        int n_left;
    } failures[FAILURES_MAX];
    struct evhttp_request *held[HELD_MAX];
    int n_held;
};

static const char *text_of(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    assert_true(cJSON_IsString(item));
    return item->valuestring;
}

static bool must_fail(struct fake_broker *broker, const cJSON *event)
{
    for (int i = 0; i < FAILURES_MAX; i++) {
        struct failure *f = &broker->failures[i];

        if (f->n_left > 0 && strcmp(f->owner_id, text_of(event, "ownerid")) == 0 &&
            f->seq == atol(text_of(event, "seq"))) {
            f->n_left--;
            return true;
        }
    }
    return false;
}

static void take(struct fake_broker *broker, const char *topic, const cJSON *event)
{
    struct taken *t;

    if (broker->n_taken == broker->n_room) {
        broker->n_room = broker->n_room * 2 + 64;
        broker->taken = mem_resize(broker->taken, broker->n_room, sizeof(*broker->taken));
    }
    t = &broker->taken[broker->n_taken++];
    snprintf(t->topic, sizeof(t->topic), "%s", topic);
    snprintf(t->id, sizeof(t->id), "%s", text_of(event, "id"));
    snprintf(t->owner_id, sizeof(t->owner_id), "%s", text_of(event, "ownerid"));
    t->seq = atol(text_of(event, "seq"));
    assert_string_equal(text_of(event, "source"), "/todo/backend");
}

static void reply(struct evhttp_request *request, int status, const struct buf *body)
{
    struct evbuffer *out = evbuffer_new();

    if (body != NULL)
        evbuffer_add(out, body->bytes, body->n_bytes);
    evhttp_send_reply(request, status, "as the test wants it", out);
    evbuffer_free(out);
}

static void take_bulk(struct fake_broker *broker, struct evhttp_request *request)
{
    const char *topic = strrchr(evhttp_request_get_uri(request), '/') + 1;
    struct evbuffer *in = evhttp_request_get_input_buffer(request);
    cJSON *entries =
        cJSON_ParseWithLength((const char *)evbuffer_pullup(in, -1), evbuffer_get_length(in));
    const cJSON *entry;
    struct buf failed;

    assert_true(cJSON_IsArray(entries));
    buf_init(&failed);
    cJSON_ArrayForEach(entry, entries)
    {
        const cJSON *event = cJSON_GetObjectItemCaseSensitive(entry, "event");

        if (must_fail(broker, event))
            buf_format(&failed, "%s{\"entryId\":\"%s\",\"error\":\"the test wants it\"}",
                       failed.n_bytes > 0 ? "," : "{\"failedEntries\":[",
                       text_of(entry, "entryId"));
        else
            take(broker, topic, event);
    }
    cJSON_Delete(entries);
    if (failed.n_bytes > 0)
        buf_add_text(&failed, "],\"errorCode\":\"ERR_PUBSUB_PUBLISH_MESSAGE\"}");
    reply(request, failed.n_bytes > 0 ? 500 : 204, failed.n_bytes > 0 ? &failed : NULL);
    buf_clear(&failed);
}

static void on_request(struct evhttp_request *request, void *arg)
{
    struct fake_broker *broker = arg;

    broker->n_bulks++;
    if (broker->mode == BROKER_REFUSE) {
        reply(request, 500, NULL);
    } else if (broker->mode == BROKER_HOLD) {
        assert_true(broker->n_held < HELD_MAX);
        broker->held[broker->n_held++] = request;
    } else {
        take_bulk(broker, request);
    }
}

struct fake_broker *fake_broker_new(struct loop *loop)
{
    struct fake_broker *broker = MEM_NEW(struct fake_broker);
    struct evhttp_bound_socket *bound;
    struct sockaddr_storage address;
    socklen_t n_bytes = sizeof(address);

    broker->http = evhttp_new(loop_base(loop));
    bound = evhttp_bind_socket_with_handle(broker->http, "127.0.0.1", 0);
    assert_non_null(bound);
    getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&address, &n_bytes);
    broker->port = ntohs(((struct sockaddr_in *)&address)->sin_port);
    evhttp_set_gencb(broker->http, on_request, broker);
    return broker;
}

void fake_broker_free(struct fake_broker *broker)
{
    fake_broker_set_mode(broker, BROKER_REFUSE);
    evhttp_free(broker->http);
    mem_free(broker->taken);
    mem_free(broker);
}

int fake_broker_port(const struct fake_broker *broker)
{
    return broker->port;
}

void fake_broker_set_mode(struct fake_broker *broker, enum broker_mode mode)
{
    int n_held = broker->n_held;

    broker->mode = mode;
    broker->n_held = 0;
    for (int i = 0; i < n_held; i++) {
        broker->n_bulks--;
        on_request(broker->held[i], broker);
    }
}

void fake_broker_fail(struct fake_broker *broker, const char *owner_id, long seq, int n_times)
{
    int i = 0;

    while (broker->failures[i].n_left > 0)
        i++;
    snprintf(broker->failures[i].owner_id, sizeof(broker->failures[i].owner_id), "%s", owner_id);
    broker->failures[i].seq = seq;
    broker->failures[i].n_left = n_times;
}

size_t fake_broker_n_taken(const struct fake_broker *broker)
{
    return broker->n_taken;
}

size_t fake_broker_n_bulks(const struct fake_broker *broker)
{
    return broker->n_bulks;
}

const struct taken *fake_broker_taken(const struct fake_broker *broker, size_t index)
{
    assert_true(index < broker->n_taken);
    return &broker->taken[index];
}
