/* tests/fuzz/fuzz_zone.c — any bytes as a TZif file. Whatever is taken must answer for every instant and
 * every time on the wall, and an instant must show the time that it was asked for. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "common/recurrence/zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static void check_time(const struct zone *zone, const struct local_time *time)
{
    struct local_time shown;
    enum zone_fit fit;
    int64_t at = zone_instant(zone, time, &fit);

    shown = zone_local(zone, at);
    assert((fit == ZONE_GAP) != (local_time_seconds(&shown) == local_time_seconds(time)));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct err err = {0};
    struct zone *zone = zone_new(bytes, n_bytes, &err);

    if (zone == NULL) {
        assert(err.code == ERR_INVALID && err.text[0] != '\0');
        return 0;
    }
    for (int year = 1970; year < 2300; year += 17) {
        for (int month = 1; month <= 12; month++) {
            struct local_time time = {year, month, 1 + year % 28, month * 2 - 1, 30, 0};

            check_time(zone, &time);
        }
    }
    (void)zone_local(zone, INT64_MAX);
    (void)zone_local(zone, INT64_MIN);
    zone_free(zone);
    return 0;
}
