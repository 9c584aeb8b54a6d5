#include "services/notification/work/lease.h"

#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/net/loop.h"
#include "services/notification/store/lease_store.h"

/* Why nobody that lives looks dead, with the least lease that config.c takes, 5 s. Connections come
 * back after an outage of T within T (backoff doubles), at most 3 s. An outage shorter than
 * BEATS_UNBROKEN beats a watcher may not notice: who is watched is then silent for the beat before
 * it, the outage and as long again, 1 + 3 + 3 beats of 10. A longer one breaks the watcher's own
 * beats: it counts anew from its return on, and the other is back within 3 s and a beat. */
enum { BEATS_PER_LEASE = 10, BEATS_UNBROKEN = 3 };

static const char INTERRUPTED[] = "the process that was sending it ended";

enum lease_state { LEASE_IDLE, LEASE_WAITING, LEASE_ASKING, LEASE_ENDING };

/** Another process. */
struct peer {
    struct uuid id;
    int64_t beats;
    int64_t since_ms; /* we have seen this count, monotonic */
};

struct lease {
    struct lease_config config;
    enum lease_state state;
    struct uuid id;
    struct loop_timer *timer;
    int64_t beat_ms; /* when the last beat that arrived was sent, monotonic; 0: none */
    int64_t sent_ms; /* and the one under way */
    struct peer *peers;
    size_t n_peers;
    size_t n_looked_at; /* of the peers, since the last beat */
    void (*drained)(void *arg);
    void *drained_arg;
};

static void beat(void *arg);
static void look_at_peers(struct lease *lease);

static void lease_set_state(struct lease *lease, enum lease_state state)
{
    lease->state = state;
    if (state == LEASE_WAITING)
        loop_timer_start(lease->timer, lease->config.lease_ms / BEATS_PER_LEASE);
}

struct lease *lease_new(const struct lease_config *config)
{
    struct lease *lease = MEM_NEW(struct lease);

    lease->config = *config;
    lease->id = uuid_new(clock_now_ms());
    lease->timer = loop_timer_new(config->loop, beat, lease);
    return lease;
}

void lease_free(struct lease *lease)
{
    if (lease == NULL)
        return;
    loop_timer_free(lease->timer);
    mem_free(lease->peers);
    mem_free(lease);
}

void lease_start(struct lease *lease)
{
    /* attempts name us by it */
    log_info(lease->config.log, "lease_began", KV("instance", (const char *)lease->id.text));
    beat(lease);
}

const struct uuid *lease_id(const struct lease *lease)
{
    return &lease->id;
}

bool lease_is_fresh(const struct lease *lease)
{
    return lease->beat_ms != 0 &&
           clock_monotonic_ms() - lease->beat_ms < lease->config.lease_ms / 2;
}

/* ---- the end */

static void on_ended(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct lease *lease = arg;

    (void)rows;
    if (err != NULL) /* others take over an empty row: nothing is lost */
        log_warn(lease->config.log, "lease_not_ended", KV("err", (const char *)err->text));
    lease->drained(lease->drained_arg);
}

static void end_lease(void *arg)
{
    struct lease *lease = arg;
    struct pg_params params;
    struct arena arena;

    arena_init(&arena);
    pg_params_init(&params, &arena);
    pg_add_text(&params, lease->id.text);
    pg_query(lease->config.pool, &LEASE_END, &params, on_ended, lease);
    arena_clear(&arena);
}

void lease_drain(struct lease *lease, void (*done)(void *arg), void *arg)
{
    bool is_asking = lease->state == LEASE_ASKING;

    loop_timer_stop(lease->timer);
    lease->drained = done;
    lease->drained_arg = arg;
    lease_set_state(lease, LEASE_ENDING);
    if (!is_asking)
        end_lease(lease);
}

/** Go on after an answer, unless it is the end. */
static bool is_ending(struct lease *lease)
{
    if (lease->state != LEASE_ENDING)
        return false;
    end_lease(lease);
    return true;
}

/* ---- beats */

static void remember_peers(struct lease *lease, const struct pg_rows *rows, int64_t now_ms)
{
    int64_t unbroken_ms = (int64_t)lease->config.lease_ms * BEATS_UNBROKEN / BEATS_PER_LEASE;
    bool is_unbroken = lease->beat_ms != 0 && now_ms - lease->beat_ms < unbroken_ms;
    int n_rows = pg_n_rows(rows);
    struct peer *peers = mem_new_array((size_t)n_rows + 1, sizeof *peers);

    for (int row = 0; row < n_rows; row++) {
        struct peer *peer = &peers[row];

        (void)uuid_read(pg_text(rows, row, 0), &peer->id);
        peer->beats = pg_int(rows, row, 1);
        peer->since_ms = now_ms;
        for (size_t i = 0; is_unbroken && i < lease->n_peers; i++)
            if (lease->peers[i].beats == peer->beats &&
                strcmp(lease->peers[i].id.text, peer->id.text) == 0)
                peer->since_ms = lease->peers[i].since_ms;
    }
    mem_free(lease->peers);
    lease->peers = peers;
    lease->n_peers = (size_t)n_rows;
    lease->n_looked_at = 0;
}

static void on_beaten(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct lease *lease = arg;
    bool was_fresh = lease_is_fresh(lease);

    if (is_ending(lease))
        return;
    if (err != NULL) {
        if (was_fresh)
            log_warn(lease->config.log, "lease_not_renewed", KV("err", (const char *)err->text));
        lease_set_state(lease, LEASE_WAITING);
        return;
    }
    remember_peers(lease, rows, clock_monotonic_ms());
    lease->beat_ms = lease->sent_ms;
    if (!was_fresh && lease_is_fresh(lease))
        lease->config.renewed(lease->config.arg);
    look_at_peers(lease);
}

static void beat(void *arg)
{
    struct lease *lease = arg;
    struct pg_params params;
    struct arena arena;

    lease_set_state(lease, LEASE_ASKING);
    lease->sent_ms = clock_monotonic_ms();
    arena_init(&arena);
    pg_params_init(&params, &arena);
    pg_add_text(&params, lease->id.text);
    pg_query(lease->config.pool, &LEASE_BEAT, &params, on_beaten, lease);
    arena_clear(&arena);
}

/* ---- taking over */

static void on_some_taken(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct lease *lease = arg;
    const struct peer *peer = &lease->peers[lease->n_looked_at];
    int64_t n_taken = err == NULL ? pg_int(rows, 0, 0) : 0;

    if (n_taken > 0) {
        log_warn(lease->config.log, "claims_taken_over", KV("peer", (const char *)peer->id.text),
                 KV("claims", n_taken));
        lease->config.renewed(lease->config.arg);
    } else {
        lease->n_looked_at++; /* after an error it is looked at again with the next beat */
    }
    if (!is_ending(lease))
        look_at_peers(lease);
}

static void take_over(struct lease *lease, const struct peer *peer)
{
    struct pg_params params;
    struct arena arena;

    arena_init(&arena);
    pg_params_init(&params, &arena);
    pg_add_text(&params, peer->id.text);
    pg_add_int(&params, peer->beats);
    pg_add_time(&params, clock_now_ms());
    pg_add_text(&params, INTERRUPTED);
    pg_query(lease->config.pool, &LEASE_TAKE_OVER, &params, on_some_taken, lease);
    arena_clear(&arena);
}

static void look_at_peers(struct lease *lease)
{
    for (; lease->n_looked_at < lease->n_peers; lease->n_looked_at++) {
        const struct peer *peer = &lease->peers[lease->n_looked_at];

        if (clock_monotonic_ms() - peer->since_ms >= lease->config.lease_ms) {
            take_over(lease, peer);
            return;
        }
    }
    lease_set_state(lease, LEASE_WAITING);
}
