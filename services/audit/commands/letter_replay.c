/* services/audit/commands/letter_replay.c — publish first, record then: a crash between leaves a letter
 * that still looks open, and is replayed twice at worst.
 *
 * The event keeps its id, so every consumer that has handled it drops it by its inbox; the one that
 * wrote the letter has not stored the id, because a dead letter is no effect, and handles it. */
#include "services/audit/commands/letter_replay.h"

#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/dapr/publish.h"
#include "common/events/event_types.h"
#include "common/json/json_out.h"
#include "services/audit/handlers/append_flow.h"
#include "services/audit/store/dead_letter_store.h"

enum { PUBLISH_LIMIT_MS = 10000 };

#define REPLAYED_TYPE "todo.dead-letter.replayed.v1"

/* task-updates is not among them: what a browser has missed it gets by sync */
static const char *const topics[] = {
    TOPIC_TASK_EVENTS, TOPIC_USER_EVENTS,   TOPIC_RECURRENCES,
    TOPIC_REMINDERS,   TOPIC_NOTIFICATIONS, TOPIC_CHAT_EVENTS,
};
enum { N_TOPICS = sizeof(topics) / sizeof(topics[0]) };

struct letter_replay {
    struct append_flow append; /* first member */
    struct cli *cli;           /* borrowed */
    struct uuid id;
    struct kept_letter letter;
    struct event event;
    dapr_done_fn *done;
    void *arg;
};
static flow_step_fn get_letter, read_original, publish_original, make_record, record_replay;
static flow_finish_fn tell_and_free;
static chain_done_fn on_letter_got, on_replay_recorded;
static dapr_done_fn on_original_published;
static const struct flow_plan letter_replay_plan = {
    .name = "letter_replay",
    .steps = {get_letter, read_original, publish_original, make_record, append_open_chain,
              append_seal, record_replay},
    .finish = tell_and_free,
};

void letter_replay_start(struct cli *cli, const struct uuid *id, dapr_done_fn *done, void *arg)
{
    struct letter_replay *replay = MEM_NEW(struct letter_replay);

    replay->append.pool = cli->pool;
    replay->cli = cli;
    replay->id = *id;
    replay->done = done;
    replay->arg = arg;
    flow_start(&replay->append.flow, &letter_replay_plan, NULL);
}

static enum flow_next get_letter(struct flow *flow)
{
    struct letter_replay *replay = (struct letter_replay *)flow;

    dead_letter_store_get(replay->cli->pool, &flow->arena, &replay->id, &replay->letter,
                          on_letter_got, replay);
    return FLOW_WAIT;
}

static void on_letter_got(void *arg, const struct err *err)
{
    struct letter_replay *replay = arg;

    flow_resume(&replay->append.flow, err);
}

static bool is_known_topic(const char *topic)
{
    for (size_t i = 0; i < N_TOPICS; i++)
        if (strcmp(topics[i], topic) == 0)
            return true;
    return false;
}

static bool check_replayable(struct letter_replay *replay, struct err *err)
{
    const struct kept_letter *letter = &replay->letter;
    struct err why = {0};

    if (letter->event_b64 != NULL)
        return err_set(err, ERR_INVALID, "it cannot be replayed: the original is not JSON");
    if (letter->event == NULL)
        return err_set(err, ERR_INVALID, "it cannot be replayed: the account was deleted");
    if (!is_known_topic(letter->topic))
        return err_set(err, ERR_INVALID, "it cannot be replayed: nothing is replayed to \"%s\"",
                       letter->topic);
    if (!event_read(letter->event, strlen(letter->event), &replay->append.flow.arena,
                    &replay->event, &why))
        return err_set(err, ERR_INVALID, "it cannot be replayed: the original is no event: %s",
                       why.text);
    return true;
}

static enum flow_next read_original(struct flow *flow)
{
    struct letter_replay *replay = (struct letter_replay *)flow;

    return check_replayable(replay, &flow->err) ? FLOW_NEXT : flow_fail(flow);
}

static enum flow_next publish_original(struct flow *flow)
{
    struct letter_replay *replay = (struct letter_replay *)flow;

    dapr_publish_event(
        replay->cli->dapr,
        &(struct dapr_topic){replay->cli->config.pubsub, replay->letter.topic, PUBLISH_LIMIT_MS},
        &replay->event, on_original_published, replay);
    return FLOW_WAIT;
}

static void on_original_published(void *arg, const struct err *err)
{
    struct letter_replay *replay = arg;

    flow_resume(&replay->append.flow, err);
}

static const char *write_record(const struct letter_replay *replay, struct arena *arena)
{
    struct json_out json;
    struct buf text;
    const char *copy;

    buf_init(&text);
    json_out_init(&json, &text);
    json_open_object(&json, NULL);
    json_text(&json, "dead_letter_id", replay->id.text);
    json_text(&json, "consumer", replay->letter.consumer);
    json_text(&json, "topic", replay->letter.topic);
    json_text(&json, "event_id", replay->event.id);
    json_close_object(&json);
    copy = arena_copy_text(arena, buf_text(&text));
    buf_clear(&text);
    return copy;
}

/** That an operator replayed it is itself something that happened to the owner. */
static enum flow_next make_record(struct flow *flow)
{
    struct letter_replay *replay = (struct letter_replay *)flow;
    int64_t now = clock_now_ms();
    struct uuid id = uuid_new(now);
    const struct event record = {
        .id = id.text,
        .source = "/todo/audit",
        .type = REPLAYED_TYPE,
        .subject = replay->event.subject,
        .owner_id = replay->letter.owner_id.text,
        .time = now,
    };

    if (!append_flow_set_event(&replay->append, TOPIC_DEAD_LETTERS, &record, &flow->err))
        return flow_fail(flow);
    replay->append.content = write_record(replay, &flow->arena);
    return FLOW_NEXT;
}

static enum flow_next record_replay(struct flow *flow)
{
    struct letter_replay *replay = (struct letter_replay *)flow;

    dead_letter_store_replay(replay->cli->pool, &flow->arena, &replay->append.append,
                             &replay->letter, on_replay_recorded, replay);
    return FLOW_WAIT;
}

static void on_replay_recorded(void *arg, const struct err *err)
{
    struct letter_replay *replay = arg;

    flow_resume(&replay->append.flow, err);
}

static void tell_and_free(struct flow *flow)
{
    struct letter_replay *replay = (struct letter_replay *)flow;

    replay->done(replay->arg, err_is_set(&flow->err) ? &flow->err : NULL);
    flow_clear(flow);
    mem_free(replay);
}
