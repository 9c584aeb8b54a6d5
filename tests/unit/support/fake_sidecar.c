#include "tests/unit/support/fake_sidecar.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "common/net/loop.h"

struct lined_up {
    int status;
    const char *content_type, *body;
};

struct fake_sidecar {
    struct evhttp *http;
    int port;
    struct arena arena;
    struct fake_call calls[FAKE_CALLS_MAX];
    size_t n_calls;
    struct lined_up answers[FAKE_CALLS_MAX];
    size_t n_answers, next_answer;
};

static const char *copy_header(struct fake_sidecar *fake, struct evhttp_request *req,
                               const char *name)
{
    const char *value = evhttp_find_header(evhttp_request_get_input_headers(req), name);

    return arena_copy_text(&fake->arena, value != NULL ? value : "");
}

static const char *method_of(struct evhttp_request *req)
{
    switch (evhttp_request_get_command(req)) {
    case EVHTTP_REQ_GET:
        return "GET";
    case EVHTTP_REQ_POST:
        return "POST";
    case EVHTTP_REQ_DELETE:
        return "DELETE";
    default:
        return "another";
    }
}

static void record(struct fake_sidecar *fake, struct evhttp_request *req)
{
    struct evbuffer *input = evhttp_request_get_input_buffer(req);
    struct fake_call *call;

    assert_true(fake->n_calls < FAKE_CALLS_MAX);
    call = &fake->calls[fake->n_calls++];
    call->method = method_of(req);
    call->path = arena_copy_text(&fake->arena, evhttp_request_get_uri(req));
    call->token = copy_header(fake, req, "dapr-api-token");
    call->content_type = copy_header(fake, req, "content-type");
    call->traceparent = copy_header(fake, req, "traceparent");
    call->n_bytes = evbuffer_get_length(input);
    call->body = arena_copy_bytes(&fake->arena, evbuffer_pullup(input, -1), call->n_bytes);
}

static void on_request(struct evhttp_request *req, void *arg)
{
    struct fake_sidecar *fake = arg;
    struct lined_up answer = {.status = 204};

    record(fake, req);
    if (fake->next_answer < fake->n_answers)
        answer = fake->answers[fake->next_answer++];
    if (answer.status == 0)
        return;
    if (answer.content_type != NULL)
        evhttp_add_header(evhttp_request_get_output_headers(req), "content-type",
                          answer.content_type);
    if (answer.body != NULL)
        evbuffer_add_printf(evhttp_request_get_output_buffer(req), "%s", answer.body);
    evhttp_send_reply(req, answer.status, "as the test says", NULL);
}

struct fake_sidecar *fake_sidecar_new(struct loop *loop)
{
    struct fake_sidecar *fake = MEM_NEW(struct fake_sidecar);
    struct evhttp_bound_socket *bound;
    struct sockaddr_in address;
    socklen_t size = sizeof address;

    arena_init(&fake->arena);
    fake->http = evhttp_new(loop_base(loop));
    evhttp_set_gencb(fake->http, on_request, fake);
    bound = evhttp_bind_socket_with_handle(fake->http, "127.0.0.1", 0);
    assert_non_null(bound);
    getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&address, &size);
    fake->port = ntohs(address.sin_port);
    return fake;
}

void fake_sidecar_free(struct fake_sidecar *fake)
{
    evhttp_free(fake->http);
    arena_clear(&fake->arena);
    mem_free(fake);
}

int fake_sidecar_port(const struct fake_sidecar *fake)
{
    return fake->port;
}

void fake_sidecar_answer(struct fake_sidecar *fake, int status, const char *content_type,
                         const char *body)
{
    assert_true(fake->n_answers < FAKE_CALLS_MAX);
    fake->answers[fake->n_answers++] = (struct lined_up){status, content_type, body};
}

size_t fake_sidecar_n_calls(const struct fake_sidecar *fake)
{
    return fake->n_calls;
}

const struct fake_call *fake_sidecar_call(const struct fake_sidecar *fake, size_t index)
{
    assert_true(index < fake->n_calls);
    return &fake->calls[index];
}

enum { PATIENCE_MS = 120000 };

struct limit {
    struct loop *loop;
    bool is_over;
};

static void on_limit(void *arg)
{
    ((struct limit *)arg)->is_over = true;
}

void fake_run_until(struct loop *loop, const bool *is_done)
{
    struct limit limit = {.loop = loop};
    struct loop_timer *timer = loop_timer_new(loop, on_limit, &limit);

    loop_timer_start(timer, PATIENCE_MS);
    while (!*is_done && !limit.is_over)
        event_base_loop(loop_base(loop), EVLOOP_ONCE);
    loop_timer_free(timer);
    if (!*is_done)
        fail_msg("waited for %d ms", PATIENCE_MS);
}
