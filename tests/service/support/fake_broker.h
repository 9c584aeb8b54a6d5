/* tests/service/support/fake_broker.h — a sidecar in the test's loop that takes bulk publishes,
 * records what it acknowledged and can fail in the ways a real one does. */
#ifndef TESTS_SERVICE_SUPPORT_FAKE_BROKER_H
#define TESTS_SERVICE_SUPPORT_FAKE_BROKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct fake_broker;

/** One event that was acknowledged, in the order of arrival. */
struct taken {
    char topic[32], id[40], owner_id[40];
    long seq;
};

enum broker_mode {
    BROKER_TAKE,
    BROKER_REFUSE, /* 500 for the whole bulk */
    BROKER_HOLD,   /* takes it, and answers when the mode changes */
};

struct fake_broker *fake_broker_new(struct loop *loop);
void fake_broker_free(struct fake_broker *broker);
int fake_broker_port(const struct fake_broker *broker);
void fake_broker_set_mode(struct fake_broker *broker, enum broker_mode mode);

/** Fail an entry (seq of an owner, by his last digit '0'..'9') `n_times`. */
void fake_broker_fail(struct fake_broker *broker, const char *owner_id, long seq, int n_times);

size_t fake_broker_n_taken(const struct fake_broker *broker);
size_t fake_broker_n_bulks(const struct fake_broker *broker);
const struct taken *fake_broker_taken(const struct fake_broker *broker, size_t index);

#endif
