#include "services/websocket/sockets/hub.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/queue.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/metrics.h"
#include "common/net/http_server.h"
#include "common/net/loop.h"
#include "services/websocket/domain/recent_seqs.h"
#include "services/websocket/sockets/frame.h"
#include "services/websocket/sockets/user_map.h"

enum {
    RECENT_USERS = 8192,
    TICK_MAX_MS = 250,
    TICK_MIN_MS = 5,
    DRAIN_TICK_MS = 50,
    TEXT_SIZE = 64
};

struct hub_socket {
    TAILQ_ENTRY(hub_socket) of_user;
    LIST_ENTRY(hub_socket) of_hub;
    struct socket *socket;
    struct hub *hub;
    struct user *user; /* NULL: one too many, closing */
};

LIST_HEAD(hub_list, hub_socket);

struct hub {
    struct hub_config config;
    struct user_map *users;
    struct recent_seqs *recent;
    struct hub_list sockets;
    size_t n_sockets;
    struct loop_timer *tick_timer;
    int tick_ms;
    bool is_draining;
    int64_t drained_at_ms; /* when the last one is to be closed */
    struct metrics_series *socket_gauge, *user_gauge, *frame_counter;
};

static void set_gauges(struct hub *hub)
{
    metrics_set(hub->socket_gauge, (double)hub->n_sockets);
    metrics_set(hub->user_gauge, (double)user_map_count(hub->users));
}

/* {"type":"hello","seq":12} */
static struct frame *new_seq_frame(const char *type, int64_t seq)
{
    char text[TEXT_SIZE];
    int n = snprintf(text, sizeof(text), "{\"type\":\"%s\",\"seq\":%" PRId64 "}", type, seq);

    return frame_new(FRAME_TEXT, text, (size_t)n);
}

static void send_seq(struct hub_socket *s, const char *type)
{
    struct frame *frame = new_seq_frame(type, s->user->window.newest);

    socket_send(s->socket, frame);
    frame_unref(frame);
}

static void count_close(struct hub *hub, uint16_t code)
{
    char labels[TEXT_SIZE];

    snprintf(labels, sizeof(labels), "code=\"%u\"", (unsigned)code);
    metrics_add(metrics_counter(hub->config.metrics, "websocket_closes_total",
                                "Sockets that ended, by close code; 1006: without a close.",
                                labels),
                1);
}

/* Forget the socket; the last one of a user forgets the user. */
static void forget(struct hub_socket *s)
{
    struct hub *hub = s->hub;

    if (s->user) {
        TAILQ_REMOVE(&s->user->sockets, s, of_user);
        if (--s->user->n_sockets == 0) {
            recent_seqs_note(hub->recent, &s->user->id, s->user->window.newest);
            user_map_remove(hub->users, s->user);
        }
    }
    LIST_REMOVE(s, of_hub);
    hub->n_sockets--;
    mem_free(s);
}

/* Codes are the client's choice: only those that a server or browser uses get a series. */
static void on_gone(void *arg, struct socket *socket, uint16_t code)
{
    struct hub_socket *s = arg;
    struct hub *hub = s->hub;

    (void)socket;
    count_close(hub, code >= SOCKET_CODE_NORMAL && code <= 1015 ? code : 0);
    forget(s);
    set_gauges(hub);
}

/* So many that by the end of the drain all are closed. */
static size_t n_to_close(const struct hub *hub, int64_t now_ms)
{
    int64_t left_ms = hub->drained_at_ms - now_ms;
    size_t n_ticks = left_ms > 0 ? (size_t)(left_ms / DRAIN_TICK_MS) + 1 : 1;

    return (hub->n_sockets + n_ticks - 1) / n_ticks;
}

static void on_tick(void *arg)
{
    struct hub *hub = arg;
    struct hub_socket *s, *next;
    int64_t now_ms = clock_monotonic_ms();
    size_t n_left = hub->is_draining ? n_to_close(hub, now_ms) : 0;

    for (s = LIST_FIRST(&hub->sockets); s; s = next) {
        next = LIST_NEXT(s, of_hub);
        if (n_left > 0 && socket_is_open(s->socket)) {
            socket_close(s->socket, SOCKET_CODE_GOING_AWAY, "this server is going away");
            n_left--;
        } else if (socket_tick(s->socket, now_ms)) {
            send_seq(s, "ping");
        }
    }
    loop_timer_start(hub->tick_timer, hub->is_draining ? DRAIN_TICK_MS : hub->tick_ms);
}

static int tick_of(const struct socket_limits *limits)
{
    int least = limits->ping_ms < limits->close_limit_ms ? limits->ping_ms : limits->close_limit_ms;
    int tick_ms = least / 4;

    if (tick_ms < TICK_MIN_MS)
        return TICK_MIN_MS;
    return tick_ms < TICK_MAX_MS ? tick_ms : TICK_MAX_MS;
}

struct hub *hub_new(const struct hub_config *config)
{
    struct hub *hub = MEM_NEW(struct hub);
    struct metrics *metrics = config->metrics;

    hub->config = *config;
    hub->users = user_map_new();
    hub->recent = recent_seqs_new(RECENT_USERS);
    LIST_INIT(&hub->sockets);
    hub->socket_gauge = metrics_gauge(metrics, "websocket_sockets", "Open sockets.", NULL);
    hub->user_gauge = metrics_gauge(metrics, "websocket_users", "Users with an open socket.", NULL);
    hub->frame_counter =
        metrics_counter(metrics, "websocket_frames_total", "Updates sent, one per socket.", NULL);
    hub->tick_ms = tick_of(&config->limits);
    hub->tick_timer = loop_timer_new(config->loop, on_tick, hub);
    loop_timer_start(hub->tick_timer, hub->tick_ms);
    return hub;
}

void hub_free(struct hub *hub)
{
    struct hub_socket *s;

    if (!hub)
        return;
    while ((s = LIST_FIRST(&hub->sockets))) {
        socket_free(s->socket);
        forget(s);
    }
    loop_timer_free(hub->tick_timer);
    recent_seqs_free(hub->recent);
    user_map_free(hub->users);
    mem_free(hub);
}

static void add_to_user(struct hub_socket *s, const struct uuid *user_id, int64_t seq)
{
    struct hub *hub = s->hub;
    struct user *user = user_map_add(hub->users, user_id);

    if (user->n_sockets >= hub->config.sockets_per_user) {
        socket_close(s->socket, SOCKET_CODE_POLICY, "too many sockets of one user");
        return;
    }
    s->user = user;
    TAILQ_INSERT_TAIL(&user->sockets, s, of_user);
    user->n_sockets++;
    seq_window_raise(&user->window, seq);
    seq_window_raise(&user->window, recent_seqs_find(hub->recent, user_id));
    send_seq(s, "hello");
}

void hub_open(struct hub *hub, struct http_upgraded *upgraded, const struct uuid *user, int64_t seq)
{
    struct hub_socket *s = MEM_NEW(struct hub_socket);

    s->hub = hub;
    s->socket = socket_new(upgraded, &(struct socket_config){
                                         .limits = &hub->config.limits, .gone = on_gone, .arg = s});
    LIST_INSERT_HEAD(&hub->sockets, s, of_hub);
    hub->n_sockets++;
    add_to_user(s, user, seq);
    set_gauges(hub);
}

bool hub_note(struct hub *hub, const struct uuid *user_id, int64_t seq)
{
    struct user *user = user_map_find(hub->users, user_id);

    if (user)
        return seq_window_add(&user->window, seq);
    recent_seqs_note(hub->recent, user_id, seq);
    return false;
}

void hub_send(struct hub *hub, const struct uuid *user_id, struct frame *frame)
{
    struct user *user = user_map_find(hub->users, user_id);
    struct hub_socket *s;

    if (!user)
        return;
    for (s = TAILQ_FIRST(&user->sockets); s; s = TAILQ_NEXT(s, of_user))
        socket_send(s->socket, frame);
    metrics_add(hub->frame_counter, (double)user->n_sockets);
}

void hub_close_user(struct hub *hub, const struct uuid *user_id, uint16_t code, const char *reason)
{
    struct user *user = user_map_find(hub->users, user_id);
    struct hub_socket *s;

    if (!user)
        return;
    for (s = TAILQ_FIRST(&user->sockets); s; s = TAILQ_NEXT(s, of_user))
        socket_close(s->socket, code, reason);
}

void hub_close_all(struct hub *hub, uint16_t code, const char *reason)
{
    struct hub_socket *s;

    for (s = LIST_FIRST(&hub->sockets); s; s = LIST_NEXT(s, of_hub))
        socket_close(s->socket, code, reason);
}

void hub_drain(struct hub *hub, int within_ms)
{
    hub->is_draining = true;
    hub->drained_at_ms = clock_monotonic_ms() + within_ms;
    loop_timer_start(hub->tick_timer, 0);
}
