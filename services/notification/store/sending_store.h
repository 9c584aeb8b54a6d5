/* services/notification/store/sending_store.h — from a due row of the ledger to the end of its attempt. */
#ifndef SERVICES_NOTIFICATION_STORE_SENDING_STORE_H
#define SERVICES_NOTIFICATION_STORE_SENDING_STORE_H

#include "common/events/notification.h"
#include "services/notification/domain/schedule.h"
#include "services/notification/store/ledger_events.h"

/** $1 channels, $2 how many of each, $3 now, $4 our instance, $5 of each the owners to pass over ($1,
 *  $2 and $5 are arrays, $5 of arrays' texts): claim what is due, and open an attempt of each. What
 *  was changed and is not scheduled anew yet is left. One row at least: when something else falls due,
 *  then the claim or NULLs. */
extern const struct pg_statement SENDING_CLAIM;
/** $1 our instance, $2 deliveries (array) that we know of: give back our other claims, which we never
 *  heard of since an answer was lost. */
extern const struct pg_statement SENDING_RELEASE;
/** The events' parameters, then those of sending_columns, then our instance: close attempts. A row
 *  that is not our claim any more is left alone. */
extern const struct pg_statement SENDING_CLOSE;

struct sending_task {
    struct uuid id;
    const char *title;
    int64_t due_at;
};

/** A claim. Texts are in the arena it was read into. */
struct claim {
    struct notification notification; /* attempts counts the open one */
    struct uuid owner_id;
    int64_t held_until, due_at;
    const char *task_zone, *user_zone, *email, *name; /* NULL: none */
    const char *sealed; /* NULL: the address is no more, or none is needed */
    struct reminder_settings settings;
    const struct sending_task *tasks; /* of a digest */
    size_t n_tasks;
};

/** Return when something else falls due, 0: nothing known. */
int64_t sending_read_next(const struct pg_rows *rows);
int sending_count_rows(const struct pg_rows *rows);
void sending_read_claim(const struct pg_rows *rows, int row, struct arena *arena,
                        struct claim *claim);

/** How an attempt ends. */
struct closing {
    bool is_begun;       /* false: the channel was not called, and there was no attempt */
    const char *outcome; /* of the attempt: "sent" … */
    const char *reason;  /* for the user; NULL: none */
    int state;           /* of the delivery, from now on */
    int64_t ended_at;
    int64_t next_try_at; /* 0: as it is */
    int64_t held_until;  /* 0: as it is */
};

struct sending_columns {
    struct column ids, numbers, begun, outcomes, reasons, states, ended_at, next_try_at, held_until,
        titles;
};
void sending_columns_init(struct sending_columns *columns, struct arena *arena);
void sending_columns_add(struct sending_columns *columns, const struct claim *claim,
                         const struct closing *closing);
void sending_columns_params(const struct sending_columns *columns, struct pg_params *params);

#endif
