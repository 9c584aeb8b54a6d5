#include "services/backend/handlers/task_apply.h"

#include <inttypes.h>

#include "common/base/clock.h"
#include "common/json/json_out.h"
#include "common/recurrence/zone.h"
#include "services/backend/app.h"
#include "services/backend/domain/etag.h"
#include "services/backend/store/idempotency_store.h"

enum { TRIES_MAX = 16 };

static store_done_fn on_added, on_loaded, on_saved, on_kept;

static struct store_call call_of(struct task_apply *apply, store_done_fn *done)
{
    return (struct store_call){apply->app->service.pool, apply->arena, done, apply};
}

static void finish(struct task_apply *apply, const struct err *err)
{
    apply->done(apply->arg, err);
}

/* Give the reply of the first time, if it was the same request. */
static void replay(struct task_apply *apply, const struct idempotency_reply *kept)
{
    struct err err = {0};

    if (!idempotency_check_reply(&apply->job.key, kept, &err)) {
        finish(apply, &err);
        return;
    }
    apply->reply = (struct task_reply){
        .status = kept->status,
        .id = kept->task_id,
        .version = kept->version,
        .body = kept->body,
        .is_replayed = true,
    };
    finish(apply, NULL);
}

/* Return the JSON of the events' data, which is the reply's body too: the task, or only the id of
 * one that is purged. */
static const char *write_data(struct task_apply *apply)
{
    struct task_purged purged = {.id = apply->task.id};
    const char *text;
    struct json_out json;
    struct buf buf;

    buf_init(&buf);
    if (apply->job.op == TASK_PURGE) {
        json_out_init(&json, &buf);
        json_open_object(&json, NULL);
        json_write_fields(&json, task_purged_fields, task_purged_n_fields, &purged);
        json_close_object(&json);
    } else {
        task_write(&apply->task, &buf);
    }
    text = arena_copy_bytes(apply->arena, buf.bytes, buf.n_bytes);
    buf_clear(&buf);
    return text;
}

/* Store what is in apply->task, and note what the reply will be. */
static void store_task(struct task_apply *apply, store_done_fn *done)
{
    const struct store_call call = call_of(apply, done);
    const char *data = write_data(apply);
    const int status = apply->job.op == TASK_CREATE ? 201 : apply->job.op == TASK_PURGE ? 204 : 200;
    const struct task_write write = {
        .op = apply->job.op,
        .task = &apply->task,
        .series = apply->has_series_changed ? &apply->series : NULL,
        .data = data,
        .traceparent = apply->job.traceparent,
        .now_ms = apply->now_ms,
        .key = &apply->job.key,
        .status = status,
        .tasks_max = apply->app->config->tasks_max,
    };

    apply->reply = (struct task_reply){
        .status = status,
        .id = apply->task.id,
        .version = apply->task.version,
        .body = status == 204 ? NULL : data,
    };
    task_store_write(&call, &write, &apply->outcome);
}

static void fail_busy(struct task_apply *apply)
{
    struct err err = {0};

    err_set_slug(&err, ERR_UNAVAILABLE, "task_busy",
                 "others changed the task at the same time, %d times in a row; try again",
                 TRIES_MAX);
    finish(apply, &err);
}

static void add_task(struct task_apply *apply)
{
    apply->n_tries++;
    store_task(apply, on_added);
}

static void on_added(void *arg, const struct err *err)
{
    struct task_apply *apply = arg;
    struct err refusal = {0};

    if (err != NULL) {
        finish(apply, err);
        return;
    }
    switch (apply->outcome.written) {
    case TASK_WRITTEN:
        service_wake_relay(&apply->app->service);
        finish(apply, NULL);
        return;
    case TASK_KNOWN:
        replay(apply, &apply->outcome.reply);
        return;
    case TASK_MOVED: /* the same key came in meanwhile: next time its reply is seen */
        if (apply->n_tries < TRIES_MAX)
            add_task(apply);
        else
            fail_busy(apply);
        return;
    case TASK_TOO_MANY: /* or the same key took the last place while this waited for it */
        if (apply->job.key.key != NULL && apply->n_tries == 1) {
            add_task(apply);
            return;
        }
        err_set_slug(&refusal, ERR_CONFLICT, "too_many_tasks",
                     "you have %d tasks, the trash included; at most %d",
                     apply->app->config->tasks_max, apply->app->config->tasks_max);
        break;
    case TASK_NO_OWNER:
        err_set(&refusal, ERR_UNAUTHENTICATED, "this account was deleted");
        break;
    }
    finish(apply, &refusal);
}

static void load_task(struct task_apply *apply)
{
    const struct store_call call = call_of(apply, on_loaded);
    const struct task_job *job = &apply->job;
    const struct task_wanted wanted = {
        .owner_id = job->owner_id,
        .id = job->id,
        .key = &job->key,
    };

    apply->n_tries++;
    task_store_load(&call, &wanted, &apply->loaded);
}

/* Fill in what the deed needs when it is done to `task` (NULL: a new one). */
static bool make_deed(const struct task_apply *apply, const struct task *task,
                      struct task_deed *deed, struct err *err)
{
    const struct task_job *job = &apply->job;
    const char *zone_name;

    *deed = (struct task_deed){
        .op = job->op,
        .patch = job->patch,
        .snooze = job->snooze,
        .reminded = job->reminded,
        .account_zone = job->time_zone != NULL ? job->time_zone : apply->loaded.account_zone,
        .default_reminder = job->default_reminder,
        .morning = apply->app->morning,
        .now_ms = apply->now_ms,
        .arena = apply->arena,
    };
    zone_name = task_deed_zone(deed, task);
    if (zone_name == NULL)
        return true;
    deed->zone = zone_cache_get(apply->app->zones, zone_name, apply->now_ms, err);
    return deed->zone != NULL;
}

/* Do the job in memory: apply->task becomes what is to be stored. */
static bool change_task(struct task_apply *apply, bool *has_changed, struct err *err)
{
    const struct task_job *job = &apply->job;
    struct task_deed deed;

    if (apply->loaded.account_zone == NULL)
        return err_set(err, ERR_UNAUTHENTICATED, "this account was deleted");
    if (!apply->loaded.is_there)
        return err_set(err, ERR_NOT_FOUND, "you have no task with this id");
    apply->task = apply->loaded.task;
    apply->series = apply->loaded.series;
    if (job->if_match != NULL &&
        etag_compare(job->if_match, apply->task.version, true) != ETAG_MATCHES)
        return err_set_slug(err, ERR_STALE, "stale_version",
                            "the task has version %" PRId64 ", which is not the one in If-Match",
                            apply->task.version);
    if (!make_deed(apply, &apply->task, &deed, err) ||
        !task_op_apply(&deed, &apply->task, &apply->series, has_changed, err))
        return false;
    apply->has_series_changed = apply->series.revision != apply->loaded.series.revision;
    return true;
}

/* Nothing to do is a success too; with a key its reply is kept like any other. */
static void reply_unchanged(struct task_apply *apply)
{
    const struct store_call call = call_of(apply, on_kept);

    apply->reply = (struct task_reply){
        .status = 200,
        .id = apply->task.id,
        .version = apply->task.version,
        .body = write_data(apply),
    };
    if (apply->job.key.key == NULL) {
        finish(apply, NULL);
        return;
    }
    apply->kept = (struct idempotency_reply){
        .status = apply->reply.status,
        .task_id = apply->reply.id,
        .version = apply->reply.version,
        .body = apply->reply.body,
    };
    idempotency_keep(&call, &apply->job.owner_id, &apply->job.key, apply->now_ms, &apply->kept);
}

static void on_kept(void *arg, const struct err *err)
{
    struct task_apply *apply = arg;

    if (err == NULL && apply->kept.is_there)
        replay(apply, &apply->kept);
    else
        finish(apply, err);
}

static void on_loaded(void *arg, const struct err *err)
{
    struct task_apply *apply = arg;
    struct err refusal = {0};
    bool has_changed = false;

    if (err != NULL)
        finish(apply, err);
    else if (apply->loaded.reply.is_there)
        replay(apply, &apply->loaded.reply);
    else if (!change_task(apply, &has_changed, &refusal))
        finish(apply, &refusal);
    else if (!has_changed)
        reply_unchanged(apply);
    else
        store_task(apply, on_saved);
}

static void on_saved(void *arg, const struct err *err)
{
    struct task_apply *apply = arg;

    if (err != NULL) {
        finish(apply, err);
    } else if (apply->outcome.written == TASK_WRITTEN) {
        service_wake_relay(&apply->app->service);
        finish(apply, NULL);
    } else if (apply->n_tries < TRIES_MAX) {
        load_task(apply);
    } else {
        fail_busy(apply);
    }
}

bool task_apply_start(struct task_apply *apply, struct err *err)
{
    const struct task_job *job = &apply->job;
    const int64_t now_us = clock_now_us();
    struct task_deed deed;

    apply->now_ms = now_us / 1000;
    apply->n_tries = 0;
    if (job->op != TASK_CREATE) {
        load_task(apply);
        return true;
    }
    apply->loaded = (struct task_loaded){0};
    if (!make_deed(apply, NULL, &deed, err) ||
        !task_op_create(&deed, task_id_new(now_us), job->owner_id, &apply->task, &apply->series,
                        err))
        return false;
    apply->has_series_changed = series_is_there(&apply->series);
    add_task(apply);
    return true;
}
