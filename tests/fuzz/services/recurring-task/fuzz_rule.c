/* tests/fuzz/services/recurring-task/fuzz_rule.c — any text as a rule, behind a newline any start. What is
 * read must be written and read back the same, be said in words, and expand: instants that rise, the
 * same ones by a jump, and an end that comes soon. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "services/recurring-task/domain/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

enum { INSTANTS = 12, TEXT_MAX = 600 };

static void check_round_trip(const struct rule *rule)
{
    struct buf first, second;
    struct err err = {0};
    struct rule again;
    bool ok;

    buf_init(&first);
    buf_init(&second);
    rule_write(rule, &first);
    ok = rule_read(buf_text(&first), "rule", &again, &err);
    assert(ok);
    assert(first.n_bytes <= RULE_TEXT_MAX);
    rule_write(&again, &second);
    assert(strcmp(buf_text(&first), buf_text(&second)) == 0);
    buf_clear(&first);
    buf_clear(&second);
}

static void check_expansion(const struct rule *rule, const struct local_time *start,
                            const struct zone *zone)
{
    struct expansion *walk = expansion_new(rule, start, zone);
    struct expansion *jump = expansion_new(rule, start, zone);
    struct expanded next, jumped;
    int64_t last = INT64_MIN;

    for (int i = 0; i < INSTANTS && expansion_next(walk, &next); i++) {
        bool ok;

        assert(next.at > last && next.number == i + 1);
        if (i > 0) {
            ok = expansion_after(jump, last, &jumped);
            assert(ok && jumped.at == next.at);
        }
        last = next.at;
    }
    expansion_free(walk);
    expansion_free(jump);
}

static void check_words(const struct rule *rule, const struct local_time *start)
{
    struct buf out;

    buf_init(&out);
    words_of_rule(rule, start, "Europe/Berlin", &out);
    assert(out.n_bytes > 0 && strstr(buf_text(&out), "  ") == NULL);
    buf_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct local_time start = {2026, 1, 31, 2, 30, 0};
    struct zone_cache *zones;
    const struct zone *zone;
    struct err err = {0};
    struct rule rule;
    char *text, *line;

    if (n_bytes > TEXT_MAX)
        return 0;
    text = line = mem_new(n_bytes + 1);
    memcpy(text, bytes, n_bytes);
    (void)strsep(&line, "\n");
    if (line != NULL)
        (void)local_time_read(line, &start);
    if (rule_read(text, "rule", &rule, &err)) {
        zones = zone_cache_new(NULL);
        zone = zone_cache_get(zones, "Europe/Berlin", 0, &err);
        assert(zone != NULL);
        check_round_trip(&rule);
        check_words(&rule, &start);
        check_expansion(&rule, &start, zone);
        zone_cache_free(zones);
    } else {
        assert(err.code == ERR_INVALID && err.n_fields == 1);
    }
    mem_free(text);
    return 0;
}
