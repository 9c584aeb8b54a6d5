#include "services/websocket/probe.h"

#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/metrics.h"
#include "common/base/uuid.h"
#include "common/dapr/publish.h"
#include "common/events/event_types.h"
#include "common/net/loop.h"

enum { SENT_MAX = 16, LIMIT_MS = 5000, MISSED_MAX = 2 };

struct sent {
    struct uuid id; /* "": none */
    int64_t at_us;
};

struct probe {
    struct probe_config config;
    struct loop_timer *timer;
    struct sent sent[SENT_MAX]; /* a ring: the last ones may be late */
    size_t next;
    int n_missed; /* since one came back */
    bool is_back;
    int n_publishing;
    bool is_freed; /* by its owner, while calls run */
    struct metrics_series *seconds;
};

static void release(struct probe *probe)
{
    if (probe->is_freed && probe->n_publishing == 0)
        mem_free(probe);
}

static void set_back(struct probe *probe, bool is_back)
{
    if (probe->is_back == is_back)
        return;
    probe->is_back = is_back;
    if (!is_back) {
        log_warn(probe->config.log, "live_path_lost", KV("replica", probe->config.replica_name));
        return;
    }
    log_info(probe->config.log, "live_path_opened", KV("replica", probe->config.replica_name));
    probe->config.opened(probe->config.arg);
}

static void on_published(void *arg, const struct err *err)
{
    struct probe *probe = arg;

    probe->n_publishing--;
    if (err && !probe->is_freed)
        log_warn(probe->config.log, "probe_not_published", KV("err", (const char *)err->text));
    release(probe);
}

static void send_probe(void *arg)
{
    struct probe *probe = arg;
    const int64_t now = clock_now_ms();
    const struct uuid id = uuid_new(now), owner = uuid_new(now);
    const struct dapr_topic topic = {probe->config.pubsub, TOPIC_TASK_UPDATES, LIMIT_MS};
    const struct event event = {
        .id = id.text,
        .source = "/todo/websocket",
        .type = EVENT_UPDATE_PROBE,
        .subject = probe->config.replica_name,
        .owner_id = owner.text,
        .data = "{}",
        .time = now,
    };

    if (probe->n_missed >= MISSED_MAX)
        set_back(probe, false);
    probe->n_missed++;
    probe->sent[probe->next] = (struct sent){.id = id, .at_us = clock_monotonic_us()};
    probe->next = (probe->next + 1) % SENT_MAX;
    probe->n_publishing++;
    dapr_publish_event(probe->config.dapr, &topic, &event, on_published, probe);
    loop_timer_start(probe->timer, probe->config.retry_ms);
}

struct probe *probe_new(const struct probe_config *config)
{
    struct probe *probe = MEM_NEW(struct probe);

    probe->config = *config;
    probe->seconds = metrics_histogram(config->metrics, "websocket_probe_seconds",
                                       "From publishing a probe to its return.", NULL);
    probe->timer = loop_timer_new(config->loop, send_probe, probe);
    loop_timer_start(probe->timer, 0);
    return probe;
}

void probe_free(struct probe *probe)
{
    if (!probe)
        return;
    loop_timer_free(probe->timer);
    probe->is_freed = true;
    release(probe);
}

void probe_heed(struct probe *probe, const struct event *event)
{
    for (size_t i = 0; i < SENT_MAX; i++) {
        struct sent *sent = &probe->sent[i];

        if (!sent->id.text[0] || strcmp(sent->id.text, event->id) != 0)
            continue;
        metrics_observe(probe->seconds, (double)(clock_monotonic_us() - sent->at_us) / 1e6);
        sent->id.text[0] = '\0';
        probe->n_missed = 0;
        set_back(probe, true);
        loop_timer_start(probe->timer, probe->config.interval_ms);
    }
}

void probe_doubt(struct probe *probe)
{
    for (size_t i = 0; i < SENT_MAX; i++)
        probe->sent[i].id.text[0] = '\0';
    set_back(probe, false);
    loop_timer_start(probe->timer, 0);
}

bool probe_is_back(const struct probe *probe, struct err *err)
{
    if (probe->is_back)
        return true;
    return err_set(err, ERR_UNAVAILABLE, "a probe of the live path to come back");
}
