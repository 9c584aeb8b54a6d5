/* tests/unit/common/recurrence/test_zone.c — zones by zone.txt, files that are none, the cache. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/recurrence/zone.h"
#include "tests/unit/support/rows.h"

enum { FILE_MAX = 8192, HOUR_MS = 3600000, NOW = 1000000 };

static const struct zone *get(struct zone_cache *cache, const char *name)
{
    struct err err = {0};
    const struct zone *zone = zone_cache_get(cache, name, NOW, &err);

    if (zone == NULL)
        fail_msg("%s: %s", name, err.text);
    return zone;
}

static void test_wall_clock_times_are_as_the_table_says(void **state)
{
    static const char *const fits[] = {"exact", "gap", "repeated"};
    struct zone_cache *cache = zone_cache_new(NULL);
    struct rows rows;

    (void)state;
    rows_open(&rows, "tests/unit/common/recurrence/zone.txt");
    while (rows_next(&rows, 4)) {
        const struct zone *zone = get(cache, rows.cells[0]);
        struct local_time time, shown;
        char text[CLOCK_TEXT_MAX], wall[LOCAL_TIME_SIZE];
        enum zone_fit fit;
        int64_t at;

        if (!local_time_read(rows.cells[1], &time))
            assert_int_equal(sscanf(rows.cells[1], "%d-%d-%dT%d:%d:%d", &time.year, &time.month,
                                    &time.day, &time.hour, &time.minute, &time.second),
                             6);
        at = zone_instant(zone, &time, &fit);
        clock_write(at, text);
        if (strncmp(text, rows.cells[2], LOCAL_TIME_SIZE - 1) != 0 ||
            strcmp(fits[fit], rows.cells[3]) != 0)
            fail_msg("%s:%d: %s, %s", rows.path, rows.line, text, fits[fit]);
        /* and back: the wall shows it again, unless it never did */
        shown = zone_local(zone, at);
        local_time_write(&shown, wall);
        assert_int_equal(strcmp(wall, rows.cells[1]) == 0, fit != ZONE_GAP);
    }
    zone_cache_free(cache);
}

static void test_the_second_of_two_equal_times_shows_the_same(void **state)
{
    struct zone_cache *cache = zone_cache_new(NULL);
    const struct zone *zone = get(cache, "Europe/Berlin");
    struct local_time time, second;
    int64_t at;

    (void)state;
    assert_true(local_time_read("2026-10-25T02:30:00", &time));
    at = zone_instant(zone, &time, NULL);
    second = zone_local(zone, at + HOUR_MS);
    assert_memory_equal(&second, &time, sizeof time);
    zone_cache_free(cache);
}

static size_t read_file(const char *path, unsigned char *bytes)
{
    FILE *file = fopen(path, "rb");
    size_t n;

    assert_non_null(file);
    n = fread(bytes, 1, FILE_MAX, file);
    fclose(file);
    return n;
}

static void test_a_file_that_is_cut_off_is_refused_at_every_length(void **state)
{
    unsigned char bytes[FILE_MAX];
    size_t n = read_file("/usr/share/zoneinfo/Europe/Berlin", bytes);
    struct err err = {0};
    struct zone *zone = zone_new(bytes, n, &err);

    (void)state;
    assert_non_null(zone);
    zone_free(zone);
    for (size_t i = 0; i < n; i++) {
        err_clear(&err);
        assert_null(zone_new(bytes, i, &err));
        assert_int_equal(err.code, ERR_INVALID);
    }
}

static void test_what_is_no_zone_file_is_refused(void **state)
{
    unsigned char bytes[FILE_MAX];
    size_t n = read_file("/usr/share/zoneinfo/Europe/Berlin", bytes);
    struct err err = {0};

    (void)state;
    bytes[4] = 0;
    assert_null(zone_new(bytes, n, &err));
    assert_non_null(strstr(err.text, "version 1"));
    bytes[4] = '2';
    bytes[0] = 'X';
    assert_null(zone_new(bytes, n, &err));
    assert_string_equal(err.text, "not a TZif file");
    bytes[0] = 'T';
    memset(bytes + 20, 0xff, 24);
    assert_null(zone_new(bytes, n, &err));
    assert_non_null(strstr(err.text, "beyond all measure"));
}

/** A TZif file with nothing in its tables but one type, and a footer. */
static struct zone *zone_by_footer(const char *footer, struct err *err)
{
    unsigned char bytes[256] = {0};
    size_t n = 0;

    for (int block = 0; block < 2; block++) {
        memcpy(bytes + n, "TZif2", 5);
        bytes[n + 39] = 1; /* one type */
        bytes[n + 43] = 4; /* characters */
        n += 44 + 6;
        memcpy(bytes + n, "UTC", 4);
        n += 4;
    }
    n += (size_t)snprintf((char *)bytes + n, sizeof bytes - n, "\n%s\n", footer);
    return zone_new(bytes, n, err);
}

static void test_footers_are_read_strictly(void **state)
{
    static const char *const wrong[] = {"X",
                                        "CET",
                                        "CET-1CEST",
                                        "CET-1CEST,M3.5.0",
                                        "CET-1CEST,M3.6.0,M10.5.0",
                                        "CET-1CEST,M13.5.0,M10.5.0",
                                        "CET-1CEST,M3.5.7,M10.5.0",
                                        "CET-1CEST,M3.5.0/168,M10.5.0",
                                        "CET-1CEST,J0,J365",
                                        "CET-1CEST,J1,J366",
                                        "CET-1CEST,M3.5.0,M10.5.0 ",
                                        "CET-25",
                                        "<CET-1",
                                        "<+>1",
                                        "CET-1:60"};
    struct err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (zone_by_footer(wrong[i], &err) != NULL)
            fail_msg("%s was taken", wrong[i]);
}

static void check_offset(const char *footer, const char *utc, int hours)
{
    struct err err = {0};
    struct zone *zone = zone_by_footer(footer, &err);
    struct local_time local, shown;
    int64_t at;

    assert_non_null(zone);
    assert_true(clock_read(utc, &at));
    shown = zone_local(zone, at);
    local = local_time_from_seconds(at / 1000 + hours * 3600);
    if (memcmp(&shown, &local, sizeof shown) != 0)
        fail_msg("%s at %s shows %d:%02d on day %d", footer, utc, shown.hour, shown.minute,
                 shown.day);
    zone_free(zone);
}

static void test_footers_of_every_kind_count(void **state)
{
    (void)state;
    check_offset("", "2030-07-01T00:00:00Z", 0);
    check_offset("<+03>-3", "2030-07-01T00:00:00Z", 3);
    check_offset("EST5EDT,M3.2.0,M11.1.0", "2030-03-10T06:59:59Z", -5);
    check_offset("EST5EDT,M3.2.0,M11.1.0", "2030-03-10T07:00:00Z", -4);
    check_offset("EST5EDT,M3.2.0,M11.1.0", "2030-11-03T05:59:59Z", -4);
    check_offset("EST5EDT,M3.2.0,M11.1.0", "2030-11-03T06:00:00Z", -5);
    /* Jn leaves out 29 February, n counts it: both are 1 March 2028 */
    check_offset("AAA0BBB,J60/0,J300/0", "2028-02-29T23:59:59Z", 0);
    check_offset("AAA0BBB,J60/0,J300/0", "2028-03-01T00:00:00Z", 1);
    check_offset("AAA0BBB,60/0,300/0", "2028-02-29T23:59:59Z", 0);
    check_offset("AAA0BBB,60/0,300/0", "2028-03-01T00:00:00Z", 1);
    /* saving time all year long (RFC 8536 §3.3.1) */
    check_offset("EST5EDT,0/0,J365/25", "2030-01-01T04:30:00Z", -4);
    check_offset("EST5EDT,0/0,J365/25", "2030-12-31T23:30:00Z", -4);
    check_offset("EST5EDT,0/0,J365/25", "2031-01-01T04:00:00Z", -4);
    /* four days after the fourth Thursday of March, less an hour */
    check_offset("EET-2EEST,M3.4.4/50,M10.4.4/50", "2030-03-29T23:59:59Z", 2);
    check_offset("EET-2EEST,M3.4.4/50,M10.4.4/50", "2030-03-30T00:00:00Z", 3);
    /* hours below nought: the evening before */
    check_offset("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2030-03-31T00:59:59Z", -2);
    check_offset("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2030-03-31T01:00:00Z", -1);
}

static void test_names_that_lead_elsewhere_are_none(void **state)
{
    static const char *const wrong[] = {
        "",         "/etc/passwd", "../zoneinfo/UTC",   "Europe/../UTC",
        "Europe/",  "Europe",      "Europe//Berlin",    "./UTC",
        "/UTC",     "Europe/.",    "Europe/Atlantis",   "tzdata.zi",
        "zone.tab", "UTC\n",       "Europe/Berl\xc3in", "europe/berlin/x"};
    struct zone_cache *cache = zone_cache_new(NULL);
    char long_name[200];
    struct err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        err_clear(&err);
        if (zone_cache_get(cache, wrong[i], NOW, &err) != NULL)
            fail_msg("%s was taken", wrong[i]);
        assert_int_equal(err.code, ERR_INVALID);
    }
    memset(long_name, 'a', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    assert_null(zone_cache_get(cache, long_name, NOW, &err));
    assert_null(zone_cache_get(cache, NULL, NOW, &err));
    zone_cache_free(cache);
}

static void test_a_machine_without_zones_is_our_trouble(void **state)
{
    struct zone_cache *cache = zone_cache_new("/nonexistent/zoneinfo");
    struct err err = {0};

    (void)state;
    assert_null(zone_cache_get(cache, "Europe/Berlin", NOW, &err));
    assert_int_equal(err.code, ERR_INTERNAL);
    zone_cache_free(cache);
}

static void put_file(const char *from, const char *to)
{
    unsigned char bytes[FILE_MAX];
    size_t n = read_file(from, bytes);
    char name[128];
    FILE *file;

    /* as a package manager does it: beside, then in its place */
    snprintf(name, sizeof name, "%s.new", to);
    file = fopen(name, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    fclose(file);
    assert_int_equal(rename(name, to), 0);
}

static void test_a_changed_file_is_read_again_after_a_minute(void **state)
{
    char directory[] = "/tmp/zones-XXXXXX", path[64];
    struct zone_cache *cache;
    const struct zone *berlin, *again;
    struct err err = {0};

    (void)state;
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/Here", directory);
    put_file("/usr/share/zoneinfo/Europe/Berlin", path);
    cache = zone_cache_new(directory);
    berlin = zone_cache_get(cache, "Here", NOW, &err);
    assert_non_null(berlin);
    assert_ptr_equal(zone_cache_get(cache, "Here", NOW + 60000, &err), berlin);
    put_file("/usr/share/zoneinfo/Asia/Kathmandu", path);
    assert_ptr_equal(zone_cache_get(cache, "Here", NOW + 60000 + 59999, &err), berlin);
    again = zone_cache_get(cache, "Here", NOW + 120000, &err);
    assert_ptr_not_equal(again, berlin);
    assert_int_equal(zone_local(again, 0).hour, 5);
    /* the old one is good until the loop's next turn */
    assert_int_equal(zone_local(berlin, 0).hour, 1);
    /* a file that goes leaves what was read */
    assert_int_equal(unlink(path), 0);
    assert_ptr_equal(zone_cache_get(cache, "Here", NOW + 240000, &err), again);
    /* a clock that steps back looks again, and finds nothing better */
    assert_ptr_equal(zone_cache_get(cache, "Here", NOW, &err), again);
    zone_cache_free(cache);
    assert_int_equal(rmdir(directory), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wall_clock_times_are_as_the_table_says),
        cmocka_unit_test(test_the_second_of_two_equal_times_shows_the_same),
        cmocka_unit_test(test_a_file_that_is_cut_off_is_refused_at_every_length),
        cmocka_unit_test(test_what_is_no_zone_file_is_refused),
        cmocka_unit_test(test_footers_are_read_strictly),
        cmocka_unit_test(test_footers_of_every_kind_count),
        cmocka_unit_test(test_names_that_lead_elsewhere_are_none),
        cmocka_unit_test(test_a_machine_without_zones_is_our_trouble),
        cmocka_unit_test(test_a_changed_file_is_read_again_after_a_minute),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
