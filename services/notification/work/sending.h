/* services/notification/work/sending.h — one claim on its way, and what the files of the sender share. */
#ifndef SERVICES_NOTIFICATION_WORK_SENDING_H
#define SERVICES_NOTIFICATION_WORK_SENDING_H

#include "common/base/flow.h"
#include "services/notification/store/sending_store.h"
#include "services/notification/work/work.h"

struct close_batch;

/** A claim: queued, then with its channel, then closing. It is in exactly one list. */
struct sending {
    struct sending *next;
    struct sender *sender; /* borrowed */
    struct arena arena;
    struct claim claim;
    int64_t claimed_ms; /* monotonic */
    char traceparent[FLOW_TRACEPARENT_SIZE];
    struct closing closing;
    bool is_gone;
};

struct sending_list {
    struct sending *first, *last;
    int n;
};
void sending_list_add(struct sending_list *list, struct sending *sending); /* taken */
struct sending *sending_list_take(struct sending_list *list);              /* NULL: empty */
void sending_list_remove(struct sending_list *list, struct sending *sending);

struct sender {
    struct work *work;
    struct sending_list queued[N_CHANNELS], under_way[N_CHANNELS];
    bool may_have_more[N_CHANNELS]; /* the last claim took all there was room for */
    int64_t lost_until_ms; /* monotonic; until then a claim may exist that we did not hear of */
    bool is_draining;
    void (*drained)(void *arg);
    void *drained_arg;
    struct loop_timer *drain_timer;

    struct sending_list closing; /* what the database is still to be told */
    struct close_batch *batch;   /* under way; NULL: none */
    int n_failures;              /* of closing, in a row */
    struct loop_timer *close_timer;
    struct metrics_series *sent[N_CHANNELS], *failed[N_CHANNELS], *lateness;
};

/** Begin what is queued for a channel, as far as it has room and the owners have their share; give
 *  back what has waited too long: sending.c. */
void sending_begin_queued(struct sender *sender, int channel);
/** Whether an owner has his share of a channel, under way alone or also queued: an endpoint that
 *  hangs takes no more of it. */
bool sending_is_owner_busy(const struct sender *sender, int channel, const struct uuid *owner_id,
                           bool with_queued);
/** Return how many of a channel are queued whose owners are not busy by what is under way. */
int sending_count_ready(const struct sender *sender, int channel);
/** Give back what is queued for a channel, without an attempt. */
void sending_give_back_queued(struct sender *sender, int channel);

/** Tell the database how it ended, with others, until it knows: closing.c. Take `sending`, whose
 *  `closing` is filled. */
void closing_add(struct sender *sender, struct sending *sending);
/** How many are closing. */
int closing_count(const struct sender *sender, int channel);
/** Call `each` for what is closing. */
void closing_each(const struct sender *sender,
                  void (*each)(void *arg, const struct sending *sending), void *arg);
void closing_free(struct sender *sender);

/** Something ended: claim more, or end the drain. sender.c. */
void sender_go_on(struct sender *sender);

#endif
