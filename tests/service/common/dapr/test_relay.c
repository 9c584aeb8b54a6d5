/* The relay against a real PostgreSQL and a fake broker: nothing lost, order per owner, one leader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/dapr/dapr.h"
#include "common/dapr/relay.h"
#include "common/net/loop.h"
#include "tests/service/support/database.h"
#include "tests/service/support/fake_broker.h"

static const char SCHEMA[] =
    "DROP TABLE IF EXISTS outbox;"
    "CREATE TABLE outbox ("
    " position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    " id uuid NOT NULL UNIQUE, topic text NOT NULL, type text NOT NULL, subject text NOT NULL,"
    " owner_id uuid NOT NULL, seq bigint NOT NULL, occurred_at timestamptz NOT NULL,"
    " traceparent text NOT NULL, data text NOT NULL)";

struct fixture {
    struct loop *loop;
    struct fake_broker *broker;
    struct proxy *proxy;
    struct dapr *dapr;
    struct relay *relays[2];
    struct log log;
    char url[TEST_URL_MAX];
    size_t n_wanted;
    bool is_drained;
};

static int set_up(void **state)
{
    struct fixture *f = MEM_NEW(struct fixture);

    database_run(SCHEMA);
    log_init(&f->log, "test", LOG_ERROR + 1);
    f->loop = loop_new();
    f->broker = fake_broker_new(f->loop);
    f->proxy = proxy_new(f->loop);
    f->dapr = dapr_new(&(struct dapr_config){.port = fake_broker_port(f->broker),
                                             .api_token = "a token of the test",
                                             .app_id = "backend",
                                             .loop = f->loop});
    database_url_of(f->proxy, "postgres", "", f->url);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    relay_free(f->relays[0]);
    relay_free(f->relays[1]);
    dapr_free(f->dapr);
    fake_broker_free(f->broker);
    proxy_free(f->proxy);
    loop_free(f->loop);
    mem_free(f);
    return 0;
}

static struct relay *new_relay(struct fixture *f, int poll_ms, int bulk_max)
{
    struct relay *relay = relay_new(&(struct relay_config){.dapr = f->dapr,
                                                           .pubsub = "pubsub",
                                                           .loop = f->loop,
                                                           .log = &f->log,
                                                           .poll_ms = poll_ms,
                                                           .bulk_max = bulk_max,
                                                           .limit_ms = 60000});

    relay_set_url(relay, f->url);
    return relay;
}

static const char *owner(int number)
{
    static const char *const ids[] = {
        "00000000-0000-7000-8000-000000000000",
        "00000000-0000-7000-8000-000000000001",
        "00000000-0000-7000-8000-000000000002",
        "00000000-0000-7000-8000-000000000003",
    };

    return ids[number];
}

/* Add `n_each` events for each of `n_owners`, from seq `first` on; the topics alternate. */
static void add_events(int n_owners, int first, int n_each)
{
    database_run("INSERT INTO outbox (id, topic, type, subject, owner_id, seq, occurred_at,"
                 " traceparent, data)"
                 " SELECT gen_random_uuid(),"
                 "  CASE seq %% 2 WHEN 0 THEN 'task-events' ELSE 'task-updates' END,"
                 "  'todo.task.updated.v1', gen_random_uuid()::text,"
                 "  ('00000000-0000-7000-8000-' || lpad(o::text, 12, '0'))::uuid, seq, now(),"
                 "  '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', '{\"n\":1}'"
                 " FROM generate_series(%d, %d) seq, generate_series(0, %d) o ORDER BY seq, o",
                 first, first + n_each - 1, n_owners - 1);
}

static bool is_empty(void *arg)
{
    (void)arg;
    return database_number("SELECT count(*) FROM outbox") == 0;
}

static bool has_wanted(void *arg)
{
    const struct fixture *f = arg;

    return fake_broker_n_taken(f->broker) >= f->n_wanted;
}

/* Of each owner and topic, every seq came, the last time in order: behind one that failed within a
 * bulk, the later ones of its owner came once more. Read backwards, each seq follows the next. */
static void check_order(const struct fixture *f, int n_owners, int n_each)
{
    for (int o = 0; o < n_owners; o++) {
        long oldest[2] = {0, 0};
        char id[40];
        int n_found = 0;

        snprintf(id, sizeof(id), "00000000-0000-7000-8000-%012d", o);
        for (size_t i = fake_broker_n_taken(f->broker); i > 0; i--) {
            const struct taken *t = fake_broker_taken(f->broker, i - 1);
            long *old = &oldest[t->seq % 2];

            if (strcmp(t->owner_id, id) != 0 || (*old != 0 && t->seq >= *old))
                continue;
            assert_true(t->seq == (*old == 0 ? n_each - (n_each + t->seq) % 2 : *old - 2));
            *old = t->seq;
            n_found++;
        }
        assert_int_equal(n_found, n_each);
    }
}

static void test_everything_goes_out_once_and_in_order(void **state)
{
    struct fixture *f = *state;

    f->relays[0] = new_relay(f, 20, 100);
    for (int i = 0; i < 10; i++) {
        add_events(50, 1 + 20 * i, 20);
        turn_for(f->loop, 5);
    }
    f->n_wanted = 10000;
    wait_until(f->loop, has_wanted, f, "all events");
    wait_until(f->loop, is_empty, f, "the outbox to be empty");
    assert_int_equal(fake_broker_n_taken(f->broker), 10000);
    check_order(f, 50, 200);
}

static void test_a_wake_does_not_wait_for_the_poll(void **state)
{
    struct fixture *f = *state;
    int64_t began;

    f->relays[0] = new_relay(f, 60000, 100);
    add_events(1, 1, 1);
    wait_until(f->loop, is_empty, f, "the first look");
    for (int i = 0; i < 20; i++) { /* until it has nothing in flight any more */
        relay_wake(f->relays[0]);
        turn_for(f->loop, 5);
    }
    add_events(1, 2, 2);
    began = clock_monotonic_ms();
    relay_wake(f->relays[0]);
    f->n_wanted = 3;
    wait_until(f->loop, has_wanted, f, "the woken relay");
    assert_true(clock_monotonic_ms() - began < 30000);
}

static void test_a_failed_entry_holds_back_its_owner_alone(void **state)
{
    struct fixture *f = *state;

    fake_broker_fail(f->broker, owner(1), 3, 3);
    fake_broker_fail(f->broker, owner(2), 20, 1);
    add_events(4, 1, 20);
    f->relays[0] = new_relay(f, 20, 40);
    f->n_wanted = 40; /* of the two others */
    wait_until(f->loop, has_wanted, f, "the others' events");
    wait_until(f->loop, is_empty, f, "the outbox to be empty");
    check_order(f, 4, 20);
}

static void test_an_absent_sidecar_is_waited_for(void **state)
{
    struct fixture *f = *state;

    fake_broker_set_mode(f->broker, BROKER_REFUSE);
    f->relays[0] = new_relay(f, 20, 50);
    add_events(10, 1, 20);
    while (fake_broker_n_bulks(f->broker) < 6)
        turn_for(f->loop, 20);
    assert_int_equal(database_number("SELECT count(*) FROM outbox"), 200);
    fake_broker_set_mode(f->broker, BROKER_TAKE);
    wait_until(f->loop, is_empty, f, "the outbox to be empty");
    assert_int_equal(fake_broker_n_taken(f->broker), 200);
    check_order(f, 10, 20);
}

/* The first relay dies between the sidecar's taking a bulk and its own deletion of the rows. */
static void test_what_was_not_deleted_goes_again_under_the_same_ids(void **state)
{
    struct fixture *f = *state;

    fake_broker_set_mode(f->broker, BROKER_HOLD);
    f->relays[0] = new_relay(f, 20, 50);
    add_events(2, 1, 10);
    while (fake_broker_n_bulks(f->broker) < 2)
        turn_for(f->loop, 20);
    relay_free(f->relays[0]);
    f->relays[0] = NULL;
    fake_broker_set_mode(f->broker, BROKER_TAKE);
    assert_int_equal(fake_broker_n_taken(f->broker), 20);
    turn_for(f->loop, 50);
    f->relays[0] = new_relay(f, 20, 50);
    wait_until(f->loop, is_empty, f, "the outbox to be empty");
    assert_int_equal(fake_broker_n_taken(f->broker), 40);
    check_order(f, 2, 10);
    for (size_t i = 0; i < 20; i++) {
        int n_same = 0;

        for (size_t j = 20; j < 40; j++)
            n_same += strcmp(fake_broker_taken(f->broker, i)->id,
                             fake_broker_taken(f->broker, j)->id) == 0;
        assert_int_equal(n_same, 1);
    }
}

static long count_leaders(void)
{
    return database_number("SELECT count(DISTINCT pid) FROM pg_locks WHERE locktype = 'advisory'"
                           " AND granted AND database ="
                           " (SELECT oid FROM pg_database WHERE datname = current_database())");
}

static bool has_leader(void *arg)
{
    (void)arg;
    return count_leaders() == 1;
}

static void test_one_leads_and_the_other_takes_over(void **state)
{
    struct fixture *f = *state;

    f->relays[0] = new_relay(f, 20, 50);
    f->relays[1] = new_relay(f, 20, 50);
    add_events(10, 1, 20);
    wait_until(f->loop, is_empty, f, "the outbox to be empty");
    assert_int_equal(fake_broker_n_taken(f->broker), 200); /* by one of them */
    for (int i = 1; i <= 5; i++) {
        wait_until(f->loop, has_leader, f, "a leader");
        database_run("SELECT pg_terminate_backend(pid) FROM pg_locks"
                     " WHERE locktype = 'advisory' AND granted");
        add_events(10, 20 * i + 1, 20);
        wait_until(f->loop, is_empty, f, "the outbox to be empty");
        assert_true(count_leaders() <= 1);
    }
    check_order(f, 10, 120);
}

static void test_an_owner_with_an_event_a_second_claim_left_out_does_not_wait(void **state)
{
    struct fixture *f = *state;
    int64_t began;

    fake_broker_set_mode(f->broker, BROKER_HOLD);
    f->relays[0] = new_relay(f, 60000, 50);
    add_events(1, 1, 1);
    while (fake_broker_n_bulks(f->broker) < 1)
        turn_for(f->loop, 20);
    add_events(1, 2, 1);
    relay_wake(f->relays[0]); /* its claim leaves the owner out */
    for (int i = 0; i < 10; i++)
        turn_for(f->loop, 10);
    fake_broker_set_mode(f->broker, BROKER_TAKE);
    began = clock_monotonic_ms();
    wait_until(f->loop, is_empty, f, "the second event");
    assert_true(clock_monotonic_ms() - began < 30000);
}

static void on_drained(void *arg)
{
    ((struct fixture *)arg)->is_drained = true;
}

static bool is_drained(void *arg)
{
    return ((struct fixture *)arg)->is_drained;
}

static bool has_no_leader(void *arg)
{
    (void)arg;
    return count_leaders() == 0;
}

static void test_a_drain_ends_what_is_in_flight_and_gives_up_the_lock(void **state)
{
    struct fixture *f = *state;

    fake_broker_set_mode(f->broker, BROKER_HOLD);
    f->relays[0] = new_relay(f, 20, 50);
    add_events(2, 1, 10);
    while (fake_broker_n_bulks(f->broker) < 2)
        turn_for(f->loop, 20);
    add_events(2, 11, 1);
    relay_drain(f->relays[0], on_drained, f);
    turn_for(f->loop, 50);
    assert_false(f->is_drained);
    fake_broker_set_mode(f->broker, BROKER_TAKE);
    wait_until(f->loop, is_drained, f, "the drain");
    assert_int_equal(fake_broker_n_taken(f->broker), 20);
    assert_int_equal(database_number("SELECT count(*) FROM outbox"), 2);
    wait_until(f->loop, has_no_leader, f, "the lock to be free");
}

static void test_a_drain_without_a_database_ends(void **state)
{
    struct fixture *f = *state;

    proxy_set_mode(f->proxy, PROXY_REFUSE);
    f->relays[0] = new_relay(f, 20, 50);
    turn_for(f->loop, 20);
    relay_drain(f->relays[0], on_drained, f);
    assert_false(f->is_drained); /* never before returning */
    wait_until(f->loop, is_drained, f, "the drain");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_everything_goes_out_once_and_in_order),
        TEST(test_a_wake_does_not_wait_for_the_poll),
        TEST(test_a_failed_entry_holds_back_its_owner_alone),
        TEST(test_an_absent_sidecar_is_waited_for),
        TEST(test_what_was_not_deleted_goes_again_under_the_same_ids),
        TEST(test_one_leads_and_the_other_takes_over),
        TEST(test_an_owner_with_an_event_a_second_claim_left_out_does_not_wait),
        TEST(test_a_drain_ends_what_is_in_flight_and_gives_up_the_lock),
        TEST(test_a_drain_without_a_database_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
