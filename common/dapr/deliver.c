/* common/dapr/deliver.c — from a delivered event to its handler and back to SUCCESS or RETRY. */
#include "common/dapr/deliver.h"

#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/metrics.h"
#include "common/dapr/dead_letters.h"
#include "common/dapr/raw_payload.h"
#include "common/events/event_types.h"

enum outcome { OUTCOME_DONE, OUTCOME_RETRY, OUTCOME_DEAD_LETTER, N_OUTCOMES };

struct topic_metrics {
    const char *topic;
    struct metrics_series *outcomes[N_OUTCOMES], *seconds;
};

struct deliver {
    struct deliver_config config;
    struct dead_letters letters;
    char *own_source; /* "/todo/<app id>" */
    struct topic_metrics *topics;
    size_t n_topics;
};

struct delivery {
    struct deliver *deliver;
    struct http_request *req; /* the reply gives it back; topic and body live in it, a raw body in
                                 the arena */
    struct arena arena;
    const char *topic, *body;
    size_t n_bytes;
    struct event event; /* all zero when it could not be read */
    int64_t began_us;
    struct err err; /* why it becomes a dead letter */
};

static struct topic_metrics *find_topic(const struct deliver *deliver, const char *topic)
{
    for (size_t i = 0; i < deliver->n_topics; i++)
        if (strcmp(deliver->topics[i].topic, topic) == 0)
            return &deliver->topics[i];
    return NULL;
}

static void add_topic(struct deliver *deliver, const char *topic)
{
    static const char *const words[N_OUTCOMES] = {"done", "retry", "dead_letter"};
    struct metrics *metrics = deliver->config.metrics;
    struct topic_metrics *added = &deliver->topics[deliver->n_topics++];
    char labels[160];

    added->topic = topic;
    snprintf(labels, sizeof labels, "topic=\"%s\"", topic);
    added->seconds = metrics_histogram(metrics, "event_handling_seconds",
                                       "From an event's delivery to its answer.", labels);
    for (size_t i = 0; i < N_OUTCOMES; i++) {
        snprintf(labels, sizeof labels, "topic=\"%s\",outcome=\"%s\"", topic, words[i]);
        added->outcomes[i] =
            metrics_counter(metrics, "events_delivered_total", "Events delivered to us.", labels);
    }
}

struct deliver *deliver_new(const struct deliver_config *config)
{
    struct deliver *deliver = MEM_NEW(struct deliver);
    char source[128];

    snprintf(source, sizeof source, "/todo/%s", dapr_app_id(config->dapr));
    *deliver = (struct deliver){.config = *config,
                                .letters = {.dapr = config->dapr,
                                            .pubsub = config->pubsub,
                                            .pool = config->pool,
                                            .relay = config->relay},
                                .own_source = mem_copy_text(source)};
    if (config->metrics == NULL)
        return deliver;
    deliver->topics = mem_new_array(config->n_handlers, sizeof *deliver->topics);
    for (size_t i = 0; i < config->n_handlers; i++)
        if (find_topic(deliver, config->handlers[i].topic) == NULL)
            add_topic(deliver, config->handlers[i].topic);
    return deliver;
}

void deliver_free(struct deliver *deliver)
{
    if (deliver == NULL)
        return;
    mem_free(deliver->own_source);
    mem_free(deliver->topics);
    mem_free(deliver);
}

static const struct event_handler *find_handler(const struct deliver_config *config,
                                                const char *topic, const char *type)
{
    const struct event_handler *rest = NULL;

    for (size_t i = 0; i < config->n_handlers; i++) {
        const struct event_handler *handler = &config->handlers[i];

        if (strcmp(handler->topic, topic) != 0)
            continue;
        if (handler->type == NULL)
            rest = handler;
        else if (strcmp(handler->type, type) == 0)
            return handler;
    }
    return rest;
}

/** Take the event out of the envelope that a raw subscription puts around it. */
static void open_raw_payload(struct delivery *delivery)
{
    size_t n_payload;
    const char *payload =
        raw_payload_open(delivery->body, delivery->n_bytes, &delivery->arena, &n_payload);

    if (payload == NULL)
        return;
    delivery->body = payload;
    delivery->n_bytes = n_payload;
}

void deliver_handle(struct deliver *deliver, struct http_request *req)
{
    struct delivery *delivery = MEM_NEW(struct delivery);
    const struct event_handler *handler;
    struct err err = {0};

    delivery->deliver = deliver;
    delivery->req = req;
    delivery->began_us = clock_monotonic_us();
    delivery->topic = http_param(req, "topic");
    delivery->body = http_body(req, &delivery->n_bytes);
    arena_init(&delivery->arena);
    open_raw_payload(delivery);
    if (!event_read(delivery->body, delivery->n_bytes, &delivery->arena, &delivery->event, &err)) {
        delivery_finish(delivery, &err);
        return;
    }
    handler = find_handler(&deliver->config, delivery->topic, delivery->event.type);
    if (handler == NULL) {
        err_set(&err, ERR_INVALID, "type: %s is not known on %s", delivery->event.type,
                delivery->topic);
        delivery_finish(delivery, &err);
        return;
    }
    handler->handle(deliver->config.context, delivery);
}

const struct event *delivery_event(const struct delivery *delivery)
{
    return &delivery->event;
}

const char *delivery_topic(const struct delivery *delivery)
{
    return delivery->topic;
}

const char *delivery_body(const struct delivery *delivery, size_t *n_bytes)
{
    *n_bytes = delivery->n_bytes;
    return delivery->body;
}

struct arena *delivery_arena(struct delivery *delivery)
{
    return &delivery->arena;
}

static void log_outcome(const struct delivery *delivery, enum outcome outcome,
                        const struct err *err)
{
    static const struct {
        const char *event;
        enum log_level level;
    } lines[N_OUTCOMES] = {
        {"event_handled", LOG_INFO},
        {"event_put_off", LOG_WARN},
        {"event_dead_lettered", LOG_ERROR},
    };
    const struct event *event = &delivery->event;
    const char *trace = event->traceparent;
    bool has_trace = trace != NULL && strlen(trace) >= 35;
    char trace_id[33];

    snprintf(trace_id, sizeof trace_id, "%.32s", has_trace ? trace + 3 : "");
    log_at(delivery->deliver->config.log, lines[outcome].level, lines[outcome].event,
           KV("topic", delivery->topic), KV("type", event->type), KV("event_id", event->id),
           KV("user_id", event->owner_id),
           KV("trace_id", has_trace ? (const char *)trace_id : (const char *)NULL),
           KV("err", err != NULL ? (const char *)err->text : (const char *)NULL),
           KV("ms", (clock_monotonic_us() - delivery->began_us) / 1000));
}

static void answer(struct delivery *delivery, enum outcome outcome, const struct err *err)
{
    static const char success[] = "{\"status\":\"SUCCESS\"}", retry[] = "{\"status\":\"RETRY\"}";
    const struct topic_metrics *metrics = find_topic(delivery->deliver, delivery->topic);

    log_outcome(delivery, outcome, err);
    if (metrics != NULL) {
        metrics_add(metrics->outcomes[outcome], 1);
        metrics_observe(metrics->seconds,
                        (double)(clock_monotonic_us() - delivery->began_us) / 1e6);
    }
    if (outcome == OUTCOME_RETRY)
        http_reply(delivery->req, 200, "application/json", retry, sizeof retry - 1);
    else
        http_reply(delivery->req, 200, "application/json", success, sizeof success - 1);
    arena_clear(&delivery->arena);
    mem_free(delivery);
}

static void on_letter_added(void *arg, const struct err *err)
{
    struct delivery *delivery = arg;

    if (err != NULL)
        answer(delivery, OUTCOME_RETRY, err);
    else
        answer(delivery, OUTCOME_DEAD_LETTER, &delivery->err);
}

/* One's own letter comes back when its owner's chain is what it failed at: so the letter about it is
 * nobody's. Of one that was nobody's already, no other letter could be kept either. */
static bool is_own_letter(const struct delivery *delivery)
{
    return strcmp(delivery->topic, TOPIC_DEAD_LETTERS) == 0 && delivery->event.source != NULL &&
           strcmp(delivery->event.source, delivery->deliver->own_source) == 0;
}

static bool is_nobodys(const struct delivery *delivery)
{
    return strcmp(delivery->event.owner_id, DEAD_LETTER_NO_OWNER) == 0;
}

void delivery_finish(struct delivery *delivery, const struct err *err)
{
    struct dead_letter_case about = {
        .topic = delivery->topic, .body = delivery->body, .n_bytes = delivery->n_bytes};

    if (err == NULL || !err_is_set(err)) {
        answer(delivery, OUTCOME_DONE, NULL);
        return;
    }
    about.is_unowned = is_own_letter(delivery);
    if (err_is_transient(err) || (about.is_unowned && is_nobodys(delivery))) {
        answer(delivery, OUTCOME_RETRY, err);
        return;
    }
    delivery->err = *err;
    about.reason = delivery->err.text;
    dead_letters_add(&delivery->deliver->letters, &about, &delivery->arena, on_letter_added,
                     delivery);
}
