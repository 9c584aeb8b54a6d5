#include "services/websocket/sockets/socket.h"

#include <assert.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <string.h>
#include <sys/socket.h>
#include <wslay/wslay.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "common/net/http_server.h"
#include "services/websocket/sockets/frame.h"
#include "services/websocket/sockets/frame_queue.h"

/* Frames leave by three ways: what fits the output buffer's low mark is written at once, the rest
 * waits in the queue until the buffer has drained below the mark, and what the kernel holds is
 * bounded by SEND_BYTES. libwslay reads; of what it wants to write, pongs and the answer to a close
 * are let through, and its own closes are replaced by ours, which say why. */

enum {
    OUTPUT_LOW_BYTES = 16384, /* below it, more is written into the output buffer */
    INPUT_MAX_BYTES = 16384,
    SEND_BYTES = 65536,     /* of the kernel, for one socket */
    SHARED_MIN_BYTES = 512, /* smaller frames are copied: cheaper than a reference */
    PINGS_UNANSWERED_MAX = 2,
};

enum socket_state { SOCKET_OPEN, SOCKET_CLOSING, SOCKET_ENDING };

struct socket {
    struct socket_config config;
    struct http_upgraded *upgraded;
    struct bufferevent *bufferevent;
    wslay_event_context_ptr wslay;
    struct frame_queue queue;
    enum socket_state state;
    uint16_t code;       /* what it closes with; 0: open */
    uint16_t verdict;    /* on what was just read; 0: fine */
    bool is_muted;       /* what libwslay writes is dropped */
    bool is_understood;  /* the client's bytes still make frames */
    int64_t deadline_ms; /* of the next ping, or of the close */
    int64_t life_ends_ms;
    int n_unanswered;
    int n_controls;
};

static const struct {
    uint16_t code;
    const char *reason;
} reasons[] = {
    {SOCKET_CODE_PROTOCOL, "not a frame that RFC 6455 allows a client"},
    {SOCKET_CODE_UNSUPPORTED, "this server takes no binary messages"},
    {SOCKET_CODE_NOT_UTF8, "a text that is not UTF-8"},
    {SOCKET_CODE_POLICY, "this server takes no messages"},
    {SOCKET_CODE_TOO_BIG, "a message may have 4096 bytes"},
};

static const char *reason_of(uint16_t code)
{
    for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
        if (reasons[i].code == code)
            return reasons[i].reason;
    return "";
}

/* What is sent next is up to the state alone. */
static void set_state(struct socket *socket, enum socket_state state)
{
    socket->state = state;
    if (state == SOCKET_OPEN)
        return;
    frame_queue_clear(&socket->queue);
    bufferevent_setwatermark(socket->bufferevent, EV_WRITE, 0, 0);
}

static size_t n_unwritten(const struct socket *socket)
{
    return evbuffer_get_length(bufferevent_get_output(socket->bufferevent));
}

static void give_up_frame(const void *bytes, size_t n_bytes, void *frame)
{
    (void)bytes;
    (void)n_bytes;
    frame_unref(frame);
}

static void write_frame(struct socket *socket, struct frame *frame)
{
    struct evbuffer *output = bufferevent_get_output(socket->bufferevent);
    size_t n_bytes;
    const void *bytes = frame_bytes(frame, &n_bytes);

    if (n_bytes < SHARED_MIN_BYTES)
        evbuffer_add(output, bytes, n_bytes);
    else
        evbuffer_add_reference(output, bytes, n_bytes, give_up_frame, frame_ref(frame));
}

void socket_send(struct socket *socket, struct frame *frame)
{
    if (socket->state != SOCKET_OPEN)
        return;
    if (socket->queue.n_frames == 0 && n_unwritten(socket) < OUTPUT_LOW_BYTES)
        write_frame(socket, frame);
    else if (!frame_queue_push(&socket->queue, frame))
        socket_close(socket, SOCKET_CODE_TRY_LATER, "too slow: come again and ask sync");
}

void socket_close(struct socket *socket, uint16_t code, const char *reason)
{
    struct frame *frame;

    if (socket->state != SOCKET_OPEN)
        return;
    frame = frame_new_close(code, reason);
    write_frame(socket, frame);
    frame_unref(frame);
    socket->code = code;
    socket->deadline_ms = clock_monotonic_ms() + socket->config.limits->close_limit_ms;
    set_state(socket, SOCKET_CLOSING);
}

bool socket_is_open(const struct socket *socket)
{
    return socket->state == SOCKET_OPEN;
}

static void end(struct socket *socket)
{
    uint16_t code = socket->code ? socket->code : SOCKET_CODE_ABNORMAL;

    socket->config.gone(socket->config.arg, socket, code);
    socket_free(socket);
}

void socket_free(struct socket *socket)
{
    if (!socket)
        return;
    frame_queue_clear(&socket->queue);
    wslay_event_context_free(socket->wslay);
    http_upgraded_free(socket->upgraded);
    mem_free(socket);
}

/* ---- reading */

static ssize_t on_wslay_reads(wslay_event_context_ptr wslay, uint8_t *bytes, size_t n_bytes,
                              int flags, void *arg)
{
    struct socket *socket = arg;
    int n = evbuffer_remove(bufferevent_get_input(socket->bufferevent), bytes, n_bytes);

    (void)flags;
    if (n > 0)
        return n;
    wslay_event_set_error(wslay, WSLAY_ERR_WOULDBLOCK);
    return -1;
}

static ssize_t on_wslay_writes(wslay_event_context_ptr wslay, const uint8_t *bytes, size_t n_bytes,
                               int flags, void *arg)
{
    struct socket *socket = arg;

    (void)wslay;
    (void)flags;
    if (!socket->is_muted)
        evbuffer_add(bufferevent_get_output(socket->bufferevent), bytes, n_bytes);
    return (ssize_t)n_bytes;
}

/* libwslay takes half a code for none, and judges a reason only when it comes in one piece. */
static uint16_t judge_close(const struct wslay_event_on_msg_recv_arg *message)
{
    if (message->msg_length == 1)
        return SOCKET_CODE_PROTOCOL;
    if (message->msg_length > 2 &&
        !utf8_is_valid((const char *)message->msg + 2, message->msg_length - 2))
        return SOCKET_CODE_NOT_UTF8;
    return 0;
}

static void on_message(wslay_event_context_ptr wslay,
                       const struct wslay_event_on_msg_recv_arg *message, void *arg)
{
    struct socket *socket = arg;

    (void)wslay;
    if (message->opcode == WSLAY_TEXT_FRAME)
        socket->verdict = SOCKET_CODE_POLICY;
    else if (message->opcode == WSLAY_BINARY_FRAME)
        socket->verdict = SOCKET_CODE_UNSUPPORTED;
    else if (message->opcode == WSLAY_CONNECTION_CLOSE)
        socket->verdict = judge_close(message);
    else if (++socket->n_controls > SOCKET_CONTROLS_MAX)
        socket->verdict = SOCKET_CODE_POLICY;
    if (message->opcode == WSLAY_PONG)
        socket->n_unanswered = 0;
}

static const struct wslay_event_callbacks callbacks = {
    .recv_callback = on_wslay_reads,
    .send_callback = on_wslay_writes,
    .on_msg_recv_callback = on_message,
};

/* The client cannot be understood any more. */
static void close_broken(struct socket *socket, uint16_t code)
{
    socket->is_understood = false;
    socket_close(socket, code, reason_of(code));
    set_state(socket, SOCKET_ENDING);
}

/* libwslay has queued its own close for what it read: take its code, and send ours instead. */
static uint16_t code_of_wslay(struct socket *socket)
{
    socket->is_muted = true;
    wslay_event_send(socket->wslay);
    return wslay_event_get_status_code_sent(socket->wslay);
}

static void answer_close(struct socket *socket)
{
    wslay_event_send(socket->wslay);
    socket->code = wslay_event_get_status_code_received(socket->wslay);
    socket->deadline_ms = clock_monotonic_ms() + socket->config.limits->close_limit_ms;
    set_state(socket, SOCKET_ENDING);
}

static void read_frames(struct socket *socket)
{
    bool is_frame_broken = wslay_event_recv(socket->wslay) != 0;

    if (socket->state == SOCKET_CLOSING) {
        if (wslay_event_get_close_received(socket->wslay) ||
            !wslay_event_get_read_enabled(socket->wslay))
            set_state(socket, SOCKET_ENDING);
    } else if (is_frame_broken) {
        close_broken(socket, SOCKET_CODE_PROTOCOL);
    } else if (wslay_event_get_close_received(socket->wslay)) {
        if (socket->verdict)
            close_broken(socket, socket->verdict);
        else
            answer_close(socket);
    } else if (!wslay_event_get_read_enabled(socket->wslay)) {
        close_broken(socket, code_of_wslay(socket));
    } else if (socket->verdict) {
        socket_close(socket, socket->verdict, reason_of(socket->verdict));
    } else {
        wslay_event_send(socket->wslay); /* pongs */
    }
}

/* Once all is said: the server closes first (RFC 6455 §7.1.1). A client that we do not understand
 * any more may still be sending: closing at once would reset the connection, and with it our close
 * frame, so it is shut for writing only. */
static bool end_if_done(struct socket *socket)
{
    if (socket->state != SOCKET_ENDING || n_unwritten(socket) > 0)
        return false;
    if (!socket->is_understood) {
        shutdown((int)bufferevent_getfd(socket->bufferevent), SHUT_WR);
        return false;
    }
    end(socket);
    return true;
}

static void on_readable(struct bufferevent *bufferevent, void *arg)
{
    struct socket *socket = arg;
    struct evbuffer *input = bufferevent_get_input(bufferevent);

    if (socket->is_understood)
        read_frames(socket);
    if (!socket->is_understood || socket->state == SOCKET_ENDING)
        evbuffer_drain(input, evbuffer_get_length(input));
    if (end_if_done(socket))
        return;
    /* pings that come faster than their pongs are read */
    if (n_unwritten(socket) > OUTPUT_LOW_BYTES + socket->config.limits->queue_bytes)
        end(socket);
}

static void on_written(struct bufferevent *bufferevent, void *arg)
{
    struct socket *socket = arg;
    struct frame *frame;

    (void)bufferevent;
    while (n_unwritten(socket) < OUTPUT_LOW_BYTES && (frame = frame_queue_pop(&socket->queue))) {
        write_frame(socket, frame);
        frame_unref(frame);
    }
    end_if_done(socket);
}

static void on_ended(struct bufferevent *bufferevent, short what, void *arg)
{
    (void)bufferevent;
    (void)what;
    end(arg);
}

struct socket *socket_new(struct http_upgraded *upgraded, const struct socket_config *config)
{
    struct socket *socket = MEM_NEW(struct socket);
    struct bufferevent *bufferevent = http_upgraded_bufferevent(upgraded);
    int send_bytes = SEND_BYTES;
    int failed;

    socket->config = *config;
    socket->upgraded = upgraded;
    socket->bufferevent = bufferevent;
    socket->is_understood = true;
    socket->deadline_ms = clock_monotonic_ms() + config->limits->ping_ms;
    socket->life_ends_ms = clock_monotonic_ms() + config->limits->life_ms;
    frame_queue_init(&socket->queue, config->limits->queue_frames, config->limits->queue_bytes);
    failed = wslay_event_context_server_init(&socket->wslay, &callbacks, socket);
    assert(failed == 0);
    (void)failed;
    wslay_event_config_set_max_recv_msg_length(socket->wslay, SOCKET_MESSAGE_MAX);
    setsockopt((int)bufferevent_getfd(bufferevent), SOL_SOCKET, SO_SNDBUF, &send_bytes,
               sizeof(send_bytes));
    bufferevent_setcb(bufferevent, on_readable, on_written, on_ended, socket);
    bufferevent_setwatermark(bufferevent, EV_READ, 0, INPUT_MAX_BYTES);
    bufferevent_setwatermark(bufferevent, EV_WRITE, OUTPUT_LOW_BYTES / 2, 0);
    bufferevent_enable(bufferevent, EV_READ | EV_WRITE);
    /* what came with the request is there already */
    bufferevent_trigger(bufferevent, EV_READ,
                        BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
    return socket;
}

static void send_ping(struct socket *socket, int64_t now_ms)
{
    struct frame *frame = frame_new(FRAME_PING, NULL, 0);

    write_frame(socket, frame);
    frame_unref(frame);
    socket->n_unanswered++;
    socket->n_controls = 0;
    socket->deadline_ms = now_ms + socket->config.limits->ping_ms;
}

bool socket_tick(struct socket *socket, int64_t now_ms)
{
    if (socket->state == SOCKET_OPEN && now_ms >= socket->life_ends_ms)
        socket_close(socket, SOCKET_CODE_TRY_LATER, "the ticket has expired: take a new one");
    if (now_ms < socket->deadline_ms)
        return false;
    if (socket->state != SOCKET_OPEN) {
        end(socket);
        return false;
    }
    if (socket->n_unanswered >= PINGS_UNANSWERED_MAX) {
        socket_close(socket, SOCKET_CODE_POLICY, "no pong came");
        return false;
    }
    send_ping(socket, now_ms);
    return true;
}
