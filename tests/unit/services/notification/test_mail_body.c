/* tests/unit/services/notification/test_mail_body.c — what a mail says, and that nothing a user wrote breaks
 * out of its place. */
#include "services/notification/channels/mail_body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "services/notification/channels/words.h"

static const int64_t NOON = INT64_C(1795262400000); /* Saturday, 21 November 2026, 12:00 UTC */
enum { HOUR_MS = 3600000 };

static const struct mail_link links[] = {
    {"Complete", "http://localhost:8080/api/v1/actions/a.b.c"},
    {"Snooze 10 min", "http://localhost:8080/api/v1/actions/d?\"><script>"},
};

static struct outgoing reminder_of(const char *title)
{
    return (struct outgoing){
        .notification = {.id = {"01a1fdb8-e8ee-7106-b9b2-765a4df47759"},
                         .kind = NOTIFICATION_REMINDER,
                         .title = title,
                         .remind_at = NOON - HOUR_MS},
        .due_at = NOON + HOUR_MS,
    };
}

static const char *page_of(const struct outgoing *outgoing, size_t n_links, struct buf *html)
{
    const struct mail_page page = {.outgoing = outgoing,
                                   .now_ms = NOON,
                                   .app_url = "http://localhost:8080/tasks/x",
                                   .links = links,
                                   .n_links = n_links};

    buf_reset(html);
    mail_write_page(&page, html);
    return buf_text(html);
}

static size_t count(const char *text, const char *part)
{
    size_t n = 0;

    for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
        n++;
    return n;
}

static void test_a_reminder_says_title_time_lateness_and_id(void **state)
{
    struct outgoing outgoing = reminder_of("Water the plants");
    struct buf html = {0};
    const char *text = page_of(&outgoing, 2, &html);

    (void)state;
    assert_non_null(strstr(text, "<h1 "));
    assert_non_null(strstr(text, "<bdi>Water the plants</bdi></h1>"));
    assert_non_null(
        strstr(text, "It is due <strong>Saturday, 21 November 2026, 13:00</strong> (UTC)."));
    assert_null(strstr(text, "late"));
    assert_non_null(strstr(text, "Delivery 01a1fdb8-e8ee-7106-b9b2-765a4df47759"));
    assert_non_null(
        strstr(text, "href=\"http://localhost:8080/api/v1/actions/a.b.c\">Complete</a>"));
    assert_non_null(strstr(text, "href=\"http://localhost:8080/tasks/x\">Open todo-app</a>"));
    assert_non_null(strstr(text, "<html lang=\"en\">"));
    assert_non_null(strstr(text, "<title>Reminder: Water the plants</title>"));

    outgoing.due_at = NOON - 2 * HOUR_MS;
    outgoing.late_ms = 65 * 60000;
    text = page_of(&outgoing, 0, &html);
    assert_non_null(strstr(text, "It was due <strong>Saturday, 21 November 2026, 10:00</strong>"));
    assert_non_null(strstr(text, "comes 1 hour late"));
    assert_non_null(strstr(text, "It was to reach you <strong>Saturday, 21 November 2026, 11:00"));
    assert_null(strstr(text, "Each button"));
    buf_clear(&html);
}

static void test_what_users_wrote_is_escaped(void **state)
{
    const struct outgoing outgoing =
        reminder_of("</h1><script>alert('x')</script>\"&amp; <img src=x>");
    struct buf html = {0};
    const char *text = page_of(&outgoing, 2, &html);

    (void)state;
    assert_int_equal(count(text, "<script"), 0);
    assert_int_equal(count(text, "<img"), 0);
    assert_int_equal(count(text, "</h1>"), 1);
    assert_int_equal(count(text, "</title>"), 1);
    assert_non_null(strstr(text, "&lt;/h1&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;"
                                 "&amp;amp; &lt;img src=x&gt;"));
    assert_non_null(strstr(text, "actions/d?&quot;&gt;&lt;script&gt;\">Snooze 10 min"));
    buf_clear(&html);
}

static void test_a_digest_lists_its_tasks(void **state)
{
    const struct outgoing_task tasks[] = {
        {{"01a1fdb8-e8ee-7106-b9b2-000000000001"}, "First <b>", NOON - 24 * HOUR_MS},
        {{"01a1fdb8-e8ee-7106-b9b2-000000000002"}, "Second", NOON + HOUR_MS},
    };
    struct outgoing outgoing = reminder_of("2 tasks today");
    struct buf html = {0}, subject = {0};

    (void)state;
    outgoing.notification.kind = NOTIFICATION_DIGEST;
    outgoing.tasks = tasks;
    outgoing.n_tasks = 2;
    const char *text = page_of(&outgoing, 0, &html);

    assert_int_equal(count(text, "<li "), 2);
    assert_non_null(strstr(text, "<bdi>First &lt;b&gt;</bdi><br>"));
    assert_non_null(strstr(text, "overdue since Friday, 20 November 2026, 12:00"));
    assert_non_null(strstr(text, "due Saturday, 21 November 2026, 13:00"));
    assert_non_null(strstr(text, "Times are those of UTC."));
    mail_write_subject(&outgoing, &subject);
    assert_string_equal(buf_text(&subject), "2 tasks today");
    buf_clear(&html);
    buf_clear(&subject);
}

static void test_a_subject_is_one_line_of_at_most_150_characters(void **state)
{
    static const struct {
        const char *title, *subject;
    } cases[] = {
        {"a\r\nBcc: x@y", "Reminder: a  Bcc: x@y"},
        {"tab\tand\x7F", "Reminder: tab and "},
        {"", "Reminder: "},
    };
    char title[4 * 200 + 1];
    struct outgoing outgoing;
    struct buf subject = {0};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        outgoing = reminder_of(cases[i].title);
        buf_reset(&subject);
        mail_write_subject(&outgoing, &subject);
        assert_string_equal(buf_text(&subject), cases[i].subject);
    }
    for (size_t i = 0; i < 200; i++)
        memcpy(title + 4 * i, "\xF0\x9F\x8C\xB1", 5);
    outgoing = reminder_of(title);
    buf_reset(&subject);
    mail_write_subject(&outgoing, &subject);
    assert_int_equal(subject.n_bytes, strlen("Reminder: ") + 150 * 4 + strlen("…"));
    buf_clear(&subject);
}

static void test_spans_are_rounded_down_to_one_unit(void **state)
{
    static const struct {
        int64_t ms;
        const char *words;
    } cases[] = {
        {1, "1 minute"},       {59999, "1 minute"},     {60000, "1 minute"},
        {120000, "2 minutes"}, {3599999, "59 minutes"}, {3600000, "1 hour"},
        {7200000, "2 hours"},  {86399999, "23 hours"},  {86400000, "1 day"},
        {172800000, "2 days"},
    };
    struct buf words = {0};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        buf_reset(&words);
        words_write_span(cases[i].ms, &words);
        assert_string_equal(buf_text(&words), cases[i].words);
    }
    buf_clear(&words);
}

static void test_a_summary_says_due_and_late(void **state)
{
    struct outgoing outgoing = reminder_of("x");
    struct buf words = {0};

    (void)state;
    words_write_summary(&outgoing, NULL, NOON + HOUR_MS + 59999, &words);
    assert_string_equal(buf_text(&words), "Due Saturday, 21 November 2026, 13:00 (UTC)");
    outgoing.late_ms = 180000;
    buf_reset(&words);
    words_write_summary(&outgoing, NULL, NOON + 2 * HOUR_MS, &words);
    assert_string_equal(
        buf_text(&words),
        "Was due Saturday, 21 November 2026, 13:00 (UTC); this reminder is 3 minutes late");
    outgoing.due_at = 0;
    buf_reset(&words);
    words_write_summary(&outgoing, NULL, NOON, &words);
    assert_string_equal(buf_text(&words), "This reminder is 3 minutes late");
    buf_clear(&words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_reminder_says_title_time_lateness_and_id),
        cmocka_unit_test(test_what_users_wrote_is_escaped),
        cmocka_unit_test(test_a_digest_lists_its_tasks),
        cmocka_unit_test(test_a_subject_is_one_line_of_at_most_150_characters),
        cmocka_unit_test(test_spans_are_rounded_down_to_one_unit),
        cmocka_unit_test(test_a_summary_says_due_and_late),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
