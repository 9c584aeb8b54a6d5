#include "services/notification/store/user_store.h"

const struct pg_statement USER_LIST_CHANGED = {
    "user_list_changed",
    "SELECT id, version, time_zone, reminder_settings FROM app_user"
    " WHERE spread_after IS NOT NULL ORDER BY id LIMIT $1::int",
};

const struct pg_statement USER_SPREAD = {
    "user_spread",
    "WITH owner AS MATERIALIZED (SELECT id, spread_after FROM app_user"
    "  WHERE id = $1::uuid AND version = $2::bigint AND spread_after IS NOT NULL FOR UPDATE)"
    ", part AS MATERIALIZED (SELECT t.id FROM owner"
    "  JOIN task t ON t.owner_id = owner.id AND t.id > owner.spread_after"
    "  WHERE t.status = 0 AND t.deleted_at IS NULL AND t.reminders IS NOT NULL"
    "  ORDER BY t.id LIMIT $4::int)"
    ", marked AS (UPDATE task t SET mark = t.mark + 1, unscheduled = true FROM part"
    "  WHERE t.owner_id = $1::uuid AND t.id = part.id)"
    " UPDATE app_user u SET digest_next_at = CASE WHEN $3::timestamptz IS NOT NULL"
    "   AND u.digest_next_at <= $5::timestamptz THEN u.digest_next_at ELSE $3::timestamptz END,"
    "  spread_after = CASE WHEN (SELECT count(*) FROM part) < $4::int THEN NULL"
    "   ELSE (SELECT id FROM part ORDER BY id DESC LIMIT 1) END"
    " FROM owner WHERE u.id = owner.id RETURNING u.spread_after IS NOT NULL",
};

const struct pg_statement DIGEST_LIST_DUE = {
    "digest_list_due",
    "SELECT n.at, u.id, u.digest_next_at, u.time_zone, u.reminder_settings"
    " FROM (SELECT min(digest_next_at) AS at FROM app_user"
    "  WHERE digest_next_at > $1::timestamptz) n"
    " LEFT JOIN (SELECT * FROM app_user WHERE digest_next_at <= $1::timestamptz"
    "  ORDER BY digest_next_at LIMIT $2::int) u ON true",
};

const struct pg_statement DIGEST_COUNT = {
    "digest_count",
    "SELECT count(*) FILTER (WHERE due_at >= $2::timestamptz),"
    " count(*) FILTER (WHERE due_at < $2::timestamptz) FROM task"
    " WHERE owner_id = $1::uuid AND status = 0 AND deleted_at IS NULL AND due_at IS NOT NULL"
    " AND due_at < $3::timestamptz",
};

const struct pg_statement DIGEST_PLAN = {
    "digest_plan",
    "WITH owner AS (UPDATE app_user SET digest_next_at = $3::timestamptz"
    "  WHERE id = $1::uuid AND digest_next_at = $2::timestamptz AND deleted_at IS NULL"
    "  RETURNING id)"
    " INSERT INTO delivery (id, owner_id, kind, generation, channel, channel_id, digest_on,"
    "  digest_until, title, state, remind_at, next_try_at)"
    " SELECT $4::uuid, id, 1, 0, 0, '00000000-0000-0000-0000-000000000000', $5::date,"
    "  $6::timestamptz, $8::text, 0, $7::timestamptz, $7::timestamptz FROM owner WHERE $8::text IS NOT NULL"
    " ON CONFLICT DO NOTHING",
};
