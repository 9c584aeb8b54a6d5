#include "services/backend/store/notification_store.h"

#include "common/events/event_types.h"
#include "services/backend/store/notification_row.h"

/* A call on its way. */
struct notification_call {
    struct store_call call;
    bool *has_changed;
    int64_t *number;
    struct notification_found *found;
    struct notification_page *page;
    size_t limit;
};

static struct notification_call *call_new(const struct store_call *call)
{
    struct notification_call *c = ARENA_NEW(call->arena, struct notification_call);

    c->call = *call;
    return c;
}

static void finish(const struct notification_call *c, const struct err *err)
{
    c->call.done(c->call.arg, err);
}

/* Parameters 1 to 6 are the same in all changes (add_common): 1 owner  2 now  3, 4 event ids
 * 5 traceparent  6 subject. `changed` is a CTE with the seq and the number of unread ones that are
 * left, empty when nothing changed; `notification` is SQL of a JSON object or null. */
#define EVENTS(fact, notification)                                                                 \
    "events AS ("                                                                                  \
    "  INSERT INTO outbox (id, topic, type, subject, owner_id, seq, occurred_at, traceparent,"     \
    "    data)"                                                                                    \
    "  SELECT e.id, e.topic, e.type, $6, $1, changed.seq, $2::timestamptz, $5,"                    \
    "    '{\"notification\":' || " notification " || ',\"unread\":' || changed.unread || '}'"      \
    "  FROM changed, (VALUES"                                                                      \
    "    ($3::uuid, '" TOPIC_NOTIFICATIONS "', '" fact "'),"                                       \
    "    ($4::uuid, '" TOPIC_TASK_UPDATES "', '" EVENT_UPDATE_NOTIFICATION "'))"                   \
    "    AS e (id, topic, type)) "

static void add_common(struct pg_params *params, const struct notification_change *change,
                       const char *subject)
{
    pg_add_text(params, change->owner_id.text);
    pg_add_time(params, change->now_ms);
    pg_add_text(params, arena_copy_text(params->arena, uuid_new(change->now_ms).text));
    pg_add_text(params, arena_copy_text(params->arena, uuid_new(change->now_ms).text));
    pg_add_text(params, change->traceparent);
    pg_add_text(params, subject);
}

const struct pg_statement NOTIFICATION_ADD = {
    "notification_add",
    "WITH owner AS ("
    "  SELECT seq + 1 AS seq, unread_count + 1 AS unread FROM account WHERE id = $1::uuid"
    "  FOR NO KEY UPDATE), "
    "added AS ("
    "  INSERT INTO notification (owner_id, id, seq, kind, task_id, title, remind_at, created_at)"
    "  SELECT $1, $6::text::uuid, owner.seq, $8::smallint, $9::uuid, $10, $11::timestamptz,"
    "    $12::timestamptz FROM owner ON CONFLICT DO NOTHING RETURNING seq), "
    "changed AS ("
    "  UPDATE account SET seq = owner.seq, unread_count = owner.unread FROM owner, added"
    "  WHERE account.id = $1 RETURNING account.seq, account.unread_count AS unread), " EVENTS(
        EVENT_NOTIFICATION_SHOWN, "$7::text") "SELECT unread FROM changed",
};
static pg_done_fn on_changed;

void notification_store_add(const struct store_call *call, const struct notification_change *change,
                            const struct app_notification *notification, bool *has_changed)
{
    struct notification_call *c = call_new(call);
    const bool has_task = notification->task_id.text[0] != '\0';
    struct pg_params params;

    c->has_changed = has_changed;
    pg_params_init(&params, call->arena);
    add_common(&params, change, notification->id.text);
    pg_add_text(&params, app_notification_write(notification, call->arena));
    pg_add_int(&params, notification->kind);
    pg_add_text(&params, has_task ? notification->task_id.text : NULL);
    pg_add_text(&params, notification->title);
    pg_add_time(&params, notification->remind_at);
    pg_add_time(&params, notification->created_at);
    pg_query(call->pool, &NOTIFICATION_ADD, &params, on_changed, c);
}

static void on_changed(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct notification_call *c = arg;

    if (err == NULL) {
        *c->has_changed = pg_n_rows(rows) > 0;
        if (c->number != NULL && *c->has_changed)
            *c->number = pg_int(rows, 0, 0);
    }
    finish(c, err);
}

const struct pg_statement NOTIFICATION_GET = {
    "notification_get",
    "SELECT a.seq, a.unread_count, " NOTIFICATION_COLUMNS " FROM account a "
    "LEFT JOIN notification n ON n.owner_id = a.id AND n.id = $2::uuid WHERE a.id = $1::uuid",
};
enum { COLUMN_SEQ, COLUMN_UNREAD, COLUMN_FOUND };
static pg_done_fn on_got;

void notification_store_get(const struct store_call *call, const struct uuid *owner_id,
                            const struct uuid *id, struct notification_found *found)
{
    struct notification_call *c = call_new(call);
    struct pg_params params;

    c->found = found;
    pg_params_init(&params, call->arena);
    pg_add_text(&params, owner_id->text);
    pg_add_text(&params, id->text[0] != '\0' ? id->text : NULL);
    pg_lookup(call->pool, &NOTIFICATION_GET, &params, on_got, c);
}

static bool fail_without_account(const struct pg_rows *rows, struct err *err)
{
    return pg_n_rows(rows) == 0 &&
           !err_set_slug(err, ERR_NOT_FOUND, "account_gone", "this account has been deleted");
}

static void on_got(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct notification_call *c = arg;
    struct notification_found *found = c->found;
    struct err gone = {0};

    if (err != NULL || fail_without_account(rows, &gone)) {
        finish(c, err != NULL ? err : &gone);
        return;
    }
    *found = (struct notification_found){
        .is_there = !pg_is_null(rows, 0, COLUMN_FOUND),
        .owner_seq = pg_int(rows, 0, COLUMN_SEQ),
        .unread = pg_int(rows, 0, COLUMN_UNREAD),
    };
    if (found->is_there)
        notification_row_read(rows, 0, COLUMN_FOUND, c->call.arena, &found->notification);
    finish(c, NULL);
}

const struct pg_statement NOTIFICATION_READ = {
    "notification_read",
    "WITH owner AS ("
    "  SELECT seq + 1 AS seq, unread_count - 1 AS unread FROM account WHERE id = $1::uuid"
    "  FOR NO KEY UPDATE), "
    "marked AS ("
    "  UPDATE notification SET read_at = $8::timestamptz, seq = owner.seq FROM owner"
    "  WHERE notification.owner_id = $1 AND notification.id = $6::text::uuid AND read_at IS NULL"
    "  RETURNING 1), "
    "changed AS ("
    "  UPDATE account SET seq = owner.seq, unread_count = owner.unread FROM owner, marked"
    "  WHERE account.id = $1 RETURNING account.seq, account.unread_count AS unread), " EVENTS(
        EVENT_NOTIFICATION_READ, "$7::text") "SELECT unread FROM changed",
};

void notification_store_read(const struct store_call *call,
                             const struct notification_change *change,
                             const struct app_notification *notification, bool *has_changed,
                             int64_t *unread)
{
    struct notification_call *c = call_new(call);
    struct pg_params params;

    c->has_changed = has_changed;
    c->number = unread;
    pg_params_init(&params, call->arena);
    add_common(&params, change, notification->id.text);
    pg_add_text(&params, app_notification_write(notification, call->arena));
    pg_add_time(&params, notification->read_at);
    pg_query(call->pool, &NOTIFICATION_READ, &params, on_changed, c);
}

/* One that is added between this statement's begin and the lock would not be seen, but it raises the
 * owner's seq: then nothing happens. */
const struct pg_statement NOTIFICATION_READ_ALL = {
    "notification_read_all",
    "WITH owner AS ("
    "  SELECT seq + 1 AS seq FROM account WHERE id = $1::uuid AND seq = $7::bigint"
    "  FOR NO KEY UPDATE), "
    "marked AS ("
    "  UPDATE notification SET read_at = $2::timestamptz FROM owner"
    "  WHERE notification.owner_id = $1 AND read_at IS NULL RETURNING 1), "
    "changed AS ("
    "  UPDATE account SET seq = owner.seq, all_read_seq = owner.seq, unread_count = 0 FROM owner"
    "  WHERE account.id = $1 AND EXISTS (SELECT FROM marked)"
    "  RETURNING account.seq, 0 AS unread), " EVENTS(EVENT_NOTIFICATION_READ,
                                                     "'null'") "SELECT unread FROM changed",
};

void notification_store_read_all(const struct store_call *call,
                                 const struct notification_change *change, int64_t owner_seq,
                                 bool *has_changed)
{
    struct notification_call *c = call_new(call);
    struct pg_params params;

    c->has_changed = has_changed;
    pg_params_init(&params, call->arena);
    add_common(&params, change, change->owner_id.text);
    pg_add_int(&params, owner_seq);
    pg_query(call->pool, &NOTIFICATION_READ_ALL, &params, on_changed, c);
}

#define LIST(which)                                                                                \
    "SELECT a.unread_count, n.* FROM account a LEFT JOIN LATERAL ("                                \
    "  SELECT " NOTIFICATION_COLUMNS " FROM notification n WHERE n.owner_id = a.id " which         \
    "  AND ($2::timestamptz IS NULL OR (n.created_at, n.id) < ($2, $3::uuid))"                     \
    "  ORDER BY n.created_at DESC, n.id DESC LIMIT $4::integer) AS n ON true "                     \
    "WHERE a.id = $1::uuid ORDER BY n.created_at DESC, n.id DESC"

const struct pg_statement NOTIFICATION_LIST = {"notification_list", LIST("")};
const struct pg_statement NOTIFICATION_LIST_UNREAD = {"notification_list_unread",
                                                      LIST("AND n.read_at IS NULL")};
static pg_done_fn on_listed;

void notification_store_list(const struct store_call *call, const struct uuid *owner_id,
                             const struct notification_query *query, struct notification_page *page)
{
    struct notification_call *c = call_new(call);
    const bool is_first = query->after.created_at == 0;
    struct pg_params params;

    c->page = page;
    c->limit = (size_t)query->limit;
    pg_params_init(&params, call->arena);
    pg_add_text(&params, owner_id->text);
    pg_add_time(&params, query->after.created_at);
    pg_add_text(&params, is_first ? NULL : query->after.id.text);
    pg_add_int(&params, query->limit + 1);
    pg_query(call->pool, query->is_unread ? &NOTIFICATION_LIST_UNREAD : &NOTIFICATION_LIST, &params,
             on_listed, c);
}

/* One row more than the page holds was asked for, to know whether there is more. */
static void read_page(const struct pg_rows *rows, const struct notification_call *c)
{
    const size_t n_rows = pg_is_null(rows, 0, 1) ? 0 : (size_t)pg_n_rows(rows);
    struct notification_page *page = c->page;

    *page = (struct notification_page){
        .n_notifications = n_rows > c->limit ? c->limit : n_rows,
        .has_more = n_rows > c->limit,
        .unread = pg_int(rows, 0, 0),
    };
    page->notifications =
        ARENA_NEW_ARRAY(c->call.arena, page->n_notifications, struct app_notification);
    for (size_t i = 0; i < page->n_notifications; i++)
        notification_row_read(rows, (int)i, 1, c->call.arena, &page->notifications[i]);
}

static void on_listed(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct notification_call *c = arg;
    struct err gone = {0};

    if (err == NULL && fail_without_account(rows, &gone))
        err = &gone;
    if (err == NULL)
        read_page(rows, c);
    finish(c, err);
}

/* Clients forget them by their age: no seq is drawn. Owners whose row is held are left for the next
 * round. The limit is no parameter: a plan that does not know it reads the whole table. */
const struct pg_statement NOTIFICATION_PURGE = {
    "notification_purge",
    "WITH old AS MATERIALIZED ("
    "  SELECT n.owner_id, n.id FROM notification n JOIN account owner ON owner.id = n.owner_id"
    "  WHERE n.created_at < $1::timestamptz ORDER BY n.created_at LIMIT 200"
    "  FOR NO KEY UPDATE OF owner SKIP LOCKED), "
    "gone AS ("
    "  DELETE FROM notification n USING old WHERE n.owner_id = old.owner_id AND n.id = old.id"
    "  RETURNING n.owner_id, n.read_at), "
    "counted AS ("
    "  UPDATE account SET unread_count = unread_count - left_over.n FROM ("
    "    SELECT owner_id, count(*)::integer AS n FROM gone WHERE read_at IS NULL GROUP BY owner_id)"
    "    AS left_over WHERE account.id = left_over.owner_id) "
    "SELECT count(*) FROM gone",
};
static pg_done_fn on_purged;

void notification_store_purge(const struct store_call *call, int64_t before, int64_t *n_purged)
{
    struct notification_call *c = call_new(call);
    struct pg_params params;

    c->number = n_purged;
    pg_params_init(&params, call->arena);
    pg_add_time(&params, before);
    pg_query(call->pool, &NOTIFICATION_PURGE, &params, on_purged, c);
}

static void on_purged(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct notification_call *c = arg;

    *c->number = err == NULL ? pg_int(rows, 0, 0) : 0;
    finish(c, err);
}
