#include "services/notification/store/ledger_events.h"

#include <string.h>

#include "common/base/clock.h"

void column_init(struct column *column, struct arena *arena)
{
    *column = (struct column){.arena = arena};
}

void column_add(struct column *column, const char *text)
{
    if (column->n_items == column->n_max) {
        size_t n_max = column->n_max > 0 ? 2 * column->n_max : 32;
        const char **more = ARENA_NEW_ARRAY(column->arena, n_max, const char *);

        if (column->n_items > 0)
            memcpy(more, column->items, column->n_items * sizeof *more);
        column->items = more;
        column->n_max = n_max;
    }
    column->items[column->n_items++] = text;
}

void column_add_int(struct column *column, int64_t value)
{
    column_add(column, arena_format(column->arena, "%lld", (long long)value));
}

void column_add_time(struct column *column, int64_t at)
{
    char text[CLOCK_TEXT_MAX];

    if (at != 0)
        clock_write(at, text);
    column_add(column, at != 0 ? arena_copy_text(column->arena, text) : NULL);
}

void column_add_bool(struct column *column, bool value)
{
    column_add(column, value ? "t" : "f");
}

void column_param(const struct column *column, struct pg_params *params)
{
    pg_add_texts(params, column->items, column->n_items);
}

void ledger_events_init(struct ledger_events *events, struct arena *arena, int64_t now_ms,
                        const char *traceparent)
{
    *events = (struct ledger_events){.arena = arena, .now_ms = now_ms, .traceparent = traceparent};
    column_init(&events->ids, arena);
    column_init(&events->deliveries, arena);
    column_init(&events->topics, arena);
    column_init(&events->types, arena);
    column_init(&events->data, arena);
    column_init(&events->owners, arena);
}

void ledger_events_add_owner(struct ledger_events *events, const struct uuid *owner_id)
{
    const struct column *owners = &events->owners;

    if (owners->n_items > 0 && strcmp(owners->items[owners->n_items - 1], owner_id->text) == 0)
        return;
    column_add(&events->owners, arena_copy_text(events->arena, owner_id->text));
}

void ledger_events_add(struct ledger_events *events, const char *topic, const char *type,
                       const struct notification *notification)
{
    struct uuid id = uuid_new(events->now_ms);

    column_add(&events->ids, arena_copy_text(events->arena, id.text));
    column_add(&events->deliveries, arena_copy_text(events->arena, notification->id.text));
    column_add(&events->topics, topic);
    column_add(&events->types, type);
    column_add(&events->data, json_object_text(notification_fields, notification_n_fields,
                                               notification, events->arena));
}

void ledger_events_params(const struct ledger_events *events, struct pg_params *params)
{
    column_param(&events->ids, params);
    column_param(&events->deliveries, params);
    column_param(&events->topics, params);
    column_param(&events->types, params);
    column_param(&events->data, params);
    pg_add_text(params, events->traceparent);
    pg_add_time(params, events->now_ms);
    column_param(&events->owners, params);
}
