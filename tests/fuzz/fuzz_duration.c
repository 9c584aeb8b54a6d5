/* tests/fuzz/fuzz_duration.c — any text as a duration. What is taken is within the limit and can be added
 * to any instant, with a zone and without. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/recurrence/duration.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static const int64_t instants[] = {0, 1774747800250, 10413792000000};
static const int64_t most_ms = (DURATION_DAYS_MAX + 1) * INT64_C(86400000);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct zone_cache *zones = zone_cache_new(NULL);
    char *text = mem_new(n_bytes + 1);
    struct duration duration;
    struct err err = {0};

    memcpy(text, bytes, n_bytes);
    if (duration_read(text, "offset", &duration, &err)) {
        const struct zone *zone = zone_cache_get(zones, "Australia/Lord_Howe", 0, &err);

        assert(zone != NULL);
        for (size_t i = 0; i < sizeof instants / sizeof instants[0]; i++) {
            assert(llabs(duration_add(&duration, instants[i], NULL) - instants[i]) <= most_ms);
            assert(llabs(duration_add(&duration, instants[i], zone) - instants[i]) <= most_ms);
        }
    } else {
        assert(err.code == ERR_INVALID && err.n_fields == 1);
    }
    mem_free(text);
    zone_cache_free(zones);
    return 0;
}
