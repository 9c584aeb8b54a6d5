/* A step of digest_plan: the users whose digest is due get one entry of the ledger for their day, if
 * there is something to tell. */
#include "common/base/flow.h"
#include "common/base/mem.h"
#include "services/notification/domain/digest.h"
#include "services/notification/store/schedule_store.h"
#include "services/notification/store/user_store.h"
#include "services/notification/work/work.h"

enum { USERS_MAX = 50 };

struct due_user {
    const char *id;
    int64_t due_at, next_at; /* his digest as planned, and the one after */
    struct digest_day day;
    bool is_wanted; /* still: what he changed may not have spread yet */
};

struct digest {
    struct flow flow; /* first member */
    struct work *work;
    int64_t now_ms, next_at;
    struct due_user *users;
    int n_users, n_done;
};
static flow_step_fn list_users, plan_digests;
static flow_finish_fn finish_step;
static const struct flow_plan digest_plan = {
    .name = "digest_plan",
    .steps = {list_users, plan_digests},
    .finish = finish_step,
};

void digest_step(void *arg, int64_t now_ms)
{
    struct digest *d = MEM_NEW(struct digest);

    d->work = arg;
    d->now_ms = now_ms;
    flow_start(&d->flow, &digest_plan, NULL);
}

static void read_user(struct digest *d, const struct pg_rows *rows, int row, struct due_user *user)
{
    struct arena *arena = &d->flow.arena;
    struct reminder_settings settings =
        schedule_read_settings(pg_copy_text(rows, row, 4, arena), arena);
    const struct zone *zone = work_zone(d->work, pg_copy_text(rows, row, 3, arena), d->now_ms);
    const char *time = digest_time(&settings);

    *user = (struct due_user){
        .id = pg_copy_text(rows, row, 1, arena),
        .due_at = pg_time(rows, row, 2),
        .next_at = digest_next(time, zone, d->now_ms),
        .day = digest_newest(time, zone, d->now_ms),
        .is_wanted = time != NULL,
    };
}

static void on_users_listed(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct digest *d = arg;

    if (err == NULL) {
        d->next_at = pg_time(rows, 0, 0);
        d->n_users = pg_is_null(rows, 0, 1) ? 0 : pg_n_rows(rows);
        d->users = ARENA_NEW_ARRAY(&d->flow.arena, (size_t)d->n_users + 1, struct due_user);
        for (int row = 0; row < d->n_users; row++)
            read_user(d, rows, row, &d->users[row]);
    }
    flow_resume(&d->flow, err);
}

static enum flow_next list_users(struct flow *flow)
{
    struct digest *d = (struct digest *)flow;
    struct pg_params params;

    pg_params_init(&params, &flow->arena);
    pg_add_time(&params, d->now_ms);
    pg_add_int(&params, USERS_MAX);
    pg_query(d->work->service->pool, &DIGEST_LIST_DUE, &params, on_users_listed, d);
    return FLOW_WAIT;
}

static pg_done_fn on_tasks_counted, on_digest_planned;

static void count_tasks(struct digest *d)
{
    const struct due_user *user = &d->users[d->n_done];
    struct pg_params params;

    pg_params_init(&params, &d->flow.arena);
    pg_add_text(&params, user->id);
    pg_add_time(&params, user->day.at);
    pg_add_time(&params, user->day.until);
    pg_query(d->work->service->pool, &DIGEST_COUNT, &params, on_tasks_counted, d);
}

static enum flow_next plan_digests(struct flow *flow)
{
    struct digest *d = (struct digest *)flow;

    if (d->n_users == 0)
        return FLOW_NEXT;
    count_tasks(d);
    return FLOW_WAIT;
}

static void on_tasks_counted(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct digest *d = arg;
    const struct due_user *user = &d->users[d->n_done];
    struct uuid id = uuid_new(d->now_ms);
    char title[DIGEST_TITLE_SIZE];
    int64_t n_due, n_overdue;
    struct pg_params params;

    if (err != NULL) {
        flow_resume(&d->flow, err);
        return;
    }
    n_due = pg_int(rows, 0, 0);
    n_overdue = pg_int(rows, 0, 1);
    digest_write_title(n_due, n_overdue, title);
    pg_params_init(&params, &d->flow.arena);
    pg_add_text(&params, user->id);
    pg_add_time(&params, user->due_at);
    pg_add_time(&params, user->next_at);
    pg_add_text(&params, id.text);
    pg_add_text(&params, user->day.on);
    pg_add_time(&params, user->day.until);
    pg_add_time(&params, user->day.at);
    pg_add_text(&params, user->is_wanted && n_due + n_overdue > 0 ? title : NULL);
    pg_query(d->work->service->pool, &DIGEST_PLAN, &params, on_digest_planned, d);
}

static void on_digest_planned(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct digest *d = arg;

    (void)rows;
    d->n_done++;
    if (err == NULL && d->n_done < d->n_users)
        count_tasks(d);
    else
        flow_resume(&d->flow, err);
}

static void finish_step(struct flow *flow)
{
    struct digest *d = (struct digest *)flow;
    struct work *work = d->work;

    if (d->n_done > 0)
        due_work_wake(work->send);
    due_work_done(work->digest, d->n_users == USERS_MAX, d->next_at, &flow->err);
    flow_clear(flow);
    mem_free(d);
}
