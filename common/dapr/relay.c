/* How it works. A round is one claim: its rows go out as one bulk per topic, all at once, and when
 * the last bulk has ended, what was acknowledged is deleted. Two rounds may run at a time, so that
 * the next rows are read while the last ones are on their way; a claim leaves out the owners of the
 * running rounds. The claim takes the lock itself, so that one on a new connection cannot read rows
 * without leading. An owner whose entry failed alone is held for a while and the others go on; when
 * a whole bulk fails, the sidecar is away and everything waits. */
#include "common/dapr/relay.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/metrics.h"
#include "common/dapr/publish.h"
#include "common/dapr/relay_owners.h"
#include "common/net/loop.h"
#include "common/pg/outbox.h"
#include "common/pg/pg.h"

enum {
    ROUNDS_MAX = 2,
    TOPICS_MAX = 16,
    DB_LIMIT_MS = 5000,
};

enum relay_state { RELAY_RUNNING, RELAY_DRAINING, RELAY_ENDED };

/** What one topic gets in a round. */
struct bulk {
    struct round *round;
    const char *topic;
    struct event *events;
    size_t *rows; /* of each event */
    size_t n_events;
};

/** One claim on its way. It outlives a relay that is freed meanwhile. */
struct round {
    struct relay *relay; /* NULL: freed */
    struct arena arena;
    struct outbox_row *rows; /* texts other than owner_id are gone once the bulks are sent */
    size_t n_rows;
    bool *has_failed; /* per row */
    struct bulk bulks[TOPICS_MAX];
    size_t n_bulks, n_running;
    bool is_lost; /* a bulk failed as a whole */
};

struct relay {
    struct relay_config config;
    struct pg_pool *pool;
    enum relay_state state;
    struct loop_timer *timer; /* the next look at the outbox */
    struct round *rounds[ROUNDS_MAX];
    struct held_owners held;
    char *source;
    int n_failures; /* rounds in a row that the sidecar did not take */
    int n_deleting;
    bool is_claiming, is_woken, is_leader, is_ending;
    void (*drained)(void *arg);
    void *drained_arg;
    struct metrics_series *published, *failed, *leader_gauge, *age_gauge;
};

static const struct pg_statement *const statements[] = {&OUTBOX_CLAIM, &OUTBOX_DELETE, NULL};

static pg_done_fn on_claimed, on_deleted;
static dapr_bulk_done_fn on_bulk_published;

/* -------------------------------------------------------------------------- looking */

static void look_later(struct relay *relay)
{
    loop_timer_start(relay->timer, relay->n_failures > 0 ? relay_backoff_ms(relay->n_failures)
                                                         : relay->config.poll_ms);
}

static int count_rounds(const struct relay *relay)
{
    int n_rounds = 0;

    for (int i = 0; i < ROUNDS_MAX; i++)
        n_rounds += relay->rounds[i] != NULL;
    return n_rounds;
}

/* The owners that a claim leaves out. */
static void add_owners(struct pg_params *params, const struct relay *relay)
{
    size_t n_max = HELD_OWNERS_MAX, n_owners = 0;
    const char **owners;

    for (int i = 0; i < ROUNDS_MAX; i++)
        n_max += relay->rounds[i] != NULL ? relay->rounds[i]->n_rows : 0;
    owners = arena_new_array(params->arena, n_max, sizeof(*owners));
    for (int i = 0; i < ROUNDS_MAX; i++)
        for (size_t r = 0; relay->rounds[i] != NULL && r < relay->rounds[i]->n_rows; r++)
            owners[n_owners++] = relay->rounds[i]->rows[r].owner_id;
    n_owners += held_owners_list(&relay->held, owners + n_owners);
    pg_add_texts(params, owners, n_owners);
}

static void claim(struct relay *relay)
{
    struct arena arena;
    struct pg_params params;
    int n_rounds = count_rounds(relay);

    /* while the sidecar is away, one round at a time */
    if (relay->state != RELAY_RUNNING || relay->is_claiming || n_rounds == ROUNDS_MAX ||
        (n_rounds > 0 && relay->n_failures > 0))
        return;
    relay->is_claiming = true;
    relay->is_woken = false;
    loop_timer_stop(relay->timer);
    arena_init(&arena);
    pg_params_init(&params, &arena);
    pg_add_int(&params, relay->config.bulk_max);
    add_owners(&params, relay);
    pg_query(relay->pool, &OUTBOX_CLAIM, &params, on_claimed, relay);
    arena_clear(&arena);
}

static void on_time(void *arg)
{
    claim(arg);
}

static void set_leader(struct relay *relay, bool is_leader)
{
    if (is_leader != relay->is_leader)
        log_info(relay->config.log, is_leader ? "outbox_leader_elected" : "outbox_leader_lost",
                 KV("pubsub", relay->config.pubsub));
    relay->is_leader = is_leader;
    metrics_set(relay->leader_gauge, is_leader);
    if (!is_leader)
        metrics_set(relay->age_gauge, 0); /* it is the leader who knows */
}

/* -------------------------------------------------------------------------- draining */

static void end_drain(void *arg)
{
    struct relay *relay = arg;

    relay->state = RELAY_ENDED;
    set_leader(relay, false);
    pg_pool_free(relay->pool); /* the lock goes with the connection */
    relay->pool = NULL;
    relay->drained(relay->drained_arg);
}

static void check_drained(struct relay *relay)
{
    if (relay->state != RELAY_DRAINING || relay->is_ending || relay->n_deleting > 0 ||
        count_rounds(relay) > 0)
        return;
    relay->is_ending = true;
    loop_defer(relay->config.loop, end_drain, relay);
}

/* -------------------------------------------------------------------------- a round */

static void free_round(struct round *round)
{
    for (int i = 0; round->relay != NULL && i < ROUNDS_MAX; i++)
        if (round->relay->rounds[i] == round)
            round->relay->rounds[i] = NULL;
    arena_clear(&round->arena);
    mem_free(round);
}

static struct bulk *bulk_of(struct round *round, const char *topic)
{
    struct bulk *bulk;

    for (size_t i = 0; i < round->n_bulks; i++)
        if (strcmp(round->bulks[i].topic, topic) == 0)
            return &round->bulks[i];
    assert(round->n_bulks < TOPICS_MAX);
    bulk = &round->bulks[round->n_bulks++];
    *bulk = (struct bulk){
        .round = round,
        .topic = arena_copy_text(&round->arena, topic),
        .events = arena_new_array(&round->arena, round->n_rows, sizeof(*bulk->events)),
        .rows = arena_new_array(&round->arena, round->n_rows, sizeof(*bulk->rows)),
    };
    return bulk;
}

static void fill_bulks(struct round *round)
{
    for (size_t i = 0; i < round->n_rows; i++) {
        struct outbox_row *row = &round->rows[i];
        struct bulk *bulk = bulk_of(round, row->topic);

        row->owner_id = arena_copy_text(&round->arena, row->owner_id);
        bulk->rows[bulk->n_events] = i;
        bulk->events[bulk->n_events++] = (struct event){
            .id = row->id,
            .source = round->relay->source,
            .type = row->type,
            .subject = row->subject,
            .owner_id = row->owner_id,
            .traceparent = row->traceparent,
            .data = row->data,
            .time = row->occurred_at,
            .seq = row->seq,
        };
    }
}

static void start_round(struct relay *relay, const struct pg_rows *rows)
{
    struct round *round = MEM_NEW(struct round);
    int slot = 0;

    round->relay = relay;
    arena_init(&round->arena);
    round->rows = outbox_read_rows(rows, &round->arena, &round->n_rows);
    round->has_failed = arena_new_array(&round->arena, round->n_rows + 1, sizeof(bool));
    metrics_set(
        relay->age_gauge,
        round->n_rows == 0 ? 0 : (double)(clock_now_ms() - round->rows[0].occurred_at) / 1000.0);
    if (round->n_rows == 0) {
        free_round(round);
        return;
    }
    while (relay->rounds[slot] != NULL)
        slot++;
    relay->rounds[slot] = round;
    fill_bulks(round);
    round->n_running = round->n_bulks;
    for (size_t i = 0; i < round->n_bulks; i++)
        dapr_publish_bulk(relay->config.dapr,
                          &(struct dapr_topic){relay->config.pubsub, round->bulks[i].topic,
                                               relay->config.limit_ms},
                          round->bulks[i].events, round->bulks[i].n_events, on_bulk_published,
                          &round->bulks[i]);
}

static void on_claimed(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct relay *relay = arg;
    size_t n_rows = 0;

    relay->is_claiming = false;
    if (relay->state != RELAY_RUNNING)
        return;
    set_leader(relay, err == NULL && outbox_is_leader(rows));
    if (err == NULL && relay->is_leader) {
        n_rows = (size_t)pg_n_rows(rows);
        start_round(relay, rows);
    }
    if (relay->is_leader && relay->n_failures == 0 &&
        (relay->is_woken || n_rows >= (size_t)relay->config.bulk_max))
        claim(relay); /* unless all rounds run: the next that ends goes on */
    else
        look_later(relay);
}

/* -------------------------------------------------------------------------- outcomes */

/* Collect what is to be deleted: what was acknowledged, but for an owner's rows behind a failed one.
 * These go again behind it, whatever became of them. */
static size_t judge_round(struct round *round, const char **positions)
{
    struct relay *relay = round->relay;
    struct owner_set failed;
    size_t n_published = 0;

    owner_set_init(&failed, &round->arena, round->n_rows);
    for (size_t i = 0; i < round->n_rows; i++) {
        const struct outbox_row *row = &round->rows[i];

        if (owner_set_has(&failed, row->owner_id))
            continue;
        if (!round->has_failed[i]) {
            positions[n_published++] =
                arena_format(&round->arena, "%lld", (long long)row->position);
            continue;
        }
        owner_set_add(&failed, row->owner_id);
        if (!round->is_lost && !held_owners_add(&relay->held, row->owner_id))
            round->is_lost = true;
    }
    metrics_add(relay->published, (double)n_published);
    metrics_add(relay->failed, (double)(round->n_rows - n_published));
    return n_published;
}

static void delete_rows(struct relay *relay, const char *const *positions, size_t n_positions)
{
    struct arena arena;
    struct pg_params params;

    if (n_positions == 0)
        return;
    arena_init(&arena);
    pg_params_init(&params, &arena);
    pg_add_texts(&params, positions, n_positions);
    relay->n_deleting++;
    pg_query(relay->pool, &OUTBOX_DELETE, &params, on_deleted, relay);
    arena_clear(&arena);
}

/* What was not deleted is published once more, under the same ids. */
static void on_deleted(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct relay *relay = arg;

    (void)rows;
    relay->n_deleting--;
    if (err != NULL && relay->state != RELAY_ENDED)
        log_warn(relay->config.log, "outbox_delete_failed", KV("err", (const char *)err->text));
    check_drained(relay);
}

static void end_round(struct round *round)
{
    struct relay *relay = round->relay;
    const char **positions;
    size_t n_published;
    bool is_lost;

    if (relay == NULL) {
        free_round(round);
        return;
    }
    positions = arena_new_array(&round->arena, round->n_rows, sizeof(*positions));
    n_published = judge_round(round, positions);
    is_lost = round->is_lost;
    delete_rows(relay, positions, n_published);
    free_round(round);
    if (relay->state == RELAY_DRAINING) {
        check_drained(relay);
    } else if (is_lost) {
        relay->n_failures++;
        look_later(relay);
    } else {
        relay->n_failures = 0;
        relay->is_woken = true; /* a claim on its way left this round's owners out */
        claim(relay);           /* behind the delete, on the same connection */
    }
}

static void on_bulk_published(void *arg, const bool *has_failed, size_t n_events,
                              const struct err *err)
{
    struct bulk *bulk = arg;
    struct round *round = bulk->round;
    size_t n_failed = 0;

    for (size_t i = 0; i < n_events; i++) {
        round->has_failed[bulk->rows[i]] = has_failed[i];
        n_failed += has_failed[i];
    }
    round->is_lost = round->is_lost || err != NULL;
    if (n_failed > 0 && round->relay != NULL)
        log_warn(round->relay->config.log, "outbox_publish_failed", KV("topic", bulk->topic),
                 KV("events", n_failed), KV("of", n_events),
                 KV("err", err != NULL ? (const char *)err->text : NULL));
    if (--round->n_running == 0)
        end_round(round);
}

/* -------------------------------------------------------------------------- life */

static void register_metrics(struct relay *relay)
{
    struct metrics *metrics = relay->config.metrics;

    if (metrics == NULL)
        return;
    relay->published = metrics_counter(metrics, "outbox_published_total",
                                       "Events that the sidecar acknowledged.", NULL);
    relay->failed = metrics_counter(metrics, "outbox_failed_total",
                                    "Events that must be published once more.", NULL);
    relay->leader_gauge = metrics_gauge(metrics, "outbox_is_leader",
                                        "1 where this process publishes the outbox.", NULL);
    relay->age_gauge = metrics_gauge(metrics, "outbox_oldest_age_seconds",
                                     "Age of the oldest event last claimed; 0: none waits.", NULL);
}

struct relay *relay_new(const struct relay_config *config)
{
    struct relay *relay = MEM_NEW(struct relay);
    const char *app_id = dapr_app_id(config->dapr);
    size_t n_source = strlen("/todo/") + strlen(app_id) + 1;

    relay->config = *config;
    relay->source = mem_new(n_source);
    snprintf(relay->source, n_source, "/todo/%s", app_id);
    relay->timer = loop_timer_new(config->loop, on_time, relay);
    relay->pool = pg_pool_new(&(struct pg_config){
        .connections = 1,
        .limit_ms = DB_LIMIT_MS,
        .statements = statements,
        .loop = config->loop,
        .log = config->log,
    });
    register_metrics(relay);
    return relay;
}

void relay_set_url(struct relay *relay, const char *url)
{
    if (relay->state != RELAY_RUNNING)
        return;
    pg_pool_set_url(relay->pool, url);
    claim(relay);
}

void relay_wake(struct relay *relay)
{
    relay->is_woken = true;
    /* while the sidecar is away, and where another process leads, the timer decides */
    if (relay->is_leader && relay->n_failures == 0)
        claim(relay);
}

void relay_drain(struct relay *relay, void (*done)(void *arg), void *arg)
{
    assert(relay->state == RELAY_RUNNING);
    relay->state = RELAY_DRAINING;
    loop_timer_stop(relay->timer);
    relay->drained = done;
    relay->drained_arg = arg;
    check_drained(relay);
}

void relay_free(struct relay *relay)
{
    if (relay == NULL)
        return;
    relay->state = RELAY_ENDED;
    relay->drained = NULL;
    pg_pool_free(relay->pool);
    for (int i = 0; i < ROUNDS_MAX; i++)
        if (relay->rounds[i] != NULL)
            relay->rounds[i]->relay = NULL;
    loop_timer_free(relay->timer);
    mem_free(relay->source);
    mem_free(relay);
}
