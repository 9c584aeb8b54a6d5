/* A step of user_spread: users changed, so their open tasks are marked, some at a time, and their next
 * digest is planned. */
#include "common/base/flow.h"
#include "common/base/mem.h"
#include "services/notification/domain/digest.h"
#include "services/notification/store/schedule_store.h"
#include "services/notification/store/user_store.h"
#include "services/notification/work/work.h"

enum { USERS_MAX = 20, TASKS_MAX = 500 };

struct changed_user {
    const char *id, *zone_name;
    int64_t version;
    struct reminder_settings settings;
};

struct users {
    struct flow flow; /* first member */
    struct work *work;
    int64_t now_ms;
    struct changed_user *users;
    int n_users, n_done;
    bool has_more;
};
static flow_step_fn list_users, spread_users;
static flow_finish_fn finish_step;
static const struct flow_plan users_plan = {
    .name = "user_spread",
    .steps = {list_users, spread_users},
    .finish = finish_step,
};

void users_step(void *arg, int64_t now_ms)
{
    struct users *u = MEM_NEW(struct users);

    u->work = arg;
    u->now_ms = now_ms;
    flow_start(&u->flow, &users_plan, NULL);
}

static void on_users_listed(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct users *u = arg;
    struct arena *arena = &u->flow.arena;

    u->n_users = err == NULL ? pg_n_rows(rows) : 0;
    u->users = ARENA_NEW_ARRAY(arena, (size_t)u->n_users + 1, struct changed_user);
    for (int row = 0; row < u->n_users; row++)
        u->users[row] = (struct changed_user){
            .id = pg_copy_text(rows, row, 0, arena),
            .version = pg_int(rows, row, 1),
            .zone_name = pg_copy_text(rows, row, 2, arena),
            .settings = schedule_read_settings(pg_copy_text(rows, row, 3, arena), arena),
        };
    u->has_more = u->n_users == USERS_MAX;
    flow_resume(&u->flow, err);
}

static enum flow_next list_users(struct flow *flow)
{
    struct users *u = (struct users *)flow;
    struct pg_params params;

    pg_params_init(&params, &flow->arena);
    pg_add_int(&params, USERS_MAX);
    pg_query(u->work->service->pool, &USER_LIST_CHANGED, &params, on_users_listed, u);
    return FLOW_WAIT;
}

static pg_done_fn on_user_spread;

static void spread_user(struct users *u)
{
    const struct changed_user *user = &u->users[u->n_done];
    const struct zone *zone = work_zone(u->work, user->zone_name, u->now_ms);
    struct pg_params params;

    pg_params_init(&params, &u->flow.arena);
    pg_add_text(&params, user->id);
    pg_add_int(&params, user->version);
    pg_add_time(&params, digest_next(digest_time(&user->settings), zone, u->now_ms));
    pg_add_int(&params, TASKS_MAX);
    pg_add_time(&params, u->now_ms);
    pg_query(u->work->service->pool, &USER_SPREAD, &params, on_user_spread, u);
}

static enum flow_next spread_users(struct flow *flow)
{
    struct users *u = (struct users *)flow;

    if (u->n_users == 0)
        return FLOW_NEXT;
    spread_user(u);
    return FLOW_WAIT;
}

static void on_user_spread(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct users *u = arg;

    if (err == NULL && (pg_n_rows(rows) == 0 || pg_bool(rows, 0, 0)))
        u->has_more = true; /* he changed meanwhile, or has more tasks */
    u->n_done++;
    if (err == NULL && u->n_done < u->n_users)
        spread_user(u);
    else
        flow_resume(&u->flow, err);
}

static void finish_step(struct flow *flow)
{
    struct users *u = (struct users *)flow;
    struct work *work = u->work;

    if (u->n_done > 0) {
        due_work_wake(work->schedule);
        due_work_wake(work->digest);
        due_work_wake(work->send); /* what waited for the change */
    }
    due_work_done(work->users, u->has_more, 0, &flow->err);
    flow_clear(flow);
    mem_free(u);
}
