/* A TZif file is a table of instants at which the offset changes, and a footer with the rule for all
 * years after it. Both are looked at as spans of one offset: an instant is in one span; a wall clock
 * time is in none (gap), one, or several (repeated), found by trying the spans around it. */
#include "common/recurrence/zone.h"

#include <string.h>

#include "common/base/mem.h"
#include "common/recurrence/posix_tz.h"

enum {
    HEADER_BYTES = 44,
    VERSION_AT = 4,
    COUNTS_AT = 20,
    TYPE_BYTES = 6,
    LEAP_BYTES = 12, /* of version 2 and later */
    TYPES_MAX = 256,
    TRANSITIONS_MAX = 100000,
    CHARS_MAX = 1024,
    FOOTER_MAX = 200,
    OFFSET_MIN = -89999, /* RFC 8536 §3.2 */
    OFFSET_MAX = 93599,
    MS_A_SECOND = 1000,
};
static const int64_t instant_limit = INT64_C(1) << 59; /* RFC 8536 §3.2 */

struct zone {
    size_t n_changes;
    int64_t *changes;     /* rising; seconds since 1970 UTC; owned */
    unsigned char *types; /* of the time from that change on; owned */
    int offsets[TYPES_MAX];
    bool has_footer;
    struct posix_tz footer;
};

/** The bytes that are left to read. */
struct bytes {
    const unsigned char *at;
    size_t n;
};

struct counts {
    uint32_t is_utc, is_standard, leaps, times, types, chars;
};

static uint32_t get_u32(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static int64_t get_i64(const unsigned char *at)
{
    return (int64_t)((uint64_t)get_u32(at) << 32 | get_u32(at + 4));
}

static bool skip(struct bytes *bytes, size_t n)
{
    if (bytes->n < n)
        return false;
    bytes->at += n;
    bytes->n -= n;
    return true;
}

/** Read a header. The counts are limited here, so that no sum of them can overflow. */
static bool read_header(struct bytes *bytes, struct counts *counts, struct err *err)
{
    const unsigned char *at = bytes->at;

    if (bytes->n < HEADER_BYTES || memcmp(at, "TZif", VERSION_AT) != 0)
        return err_set(err, ERR_INVALID, "not a TZif file");
    if (at[VERSION_AT] < '2')
        return err_set(err, ERR_INVALID, "TZif of version 1, which ends in 2037");
    *counts = (struct counts){get_u32(at + COUNTS_AT),      get_u32(at + COUNTS_AT + 4),
                              get_u32(at + COUNTS_AT + 8),  get_u32(at + COUNTS_AT + 12),
                              get_u32(at + COUNTS_AT + 16), get_u32(at + COUNTS_AT + 20)};
    if (counts->times > TRANSITIONS_MAX || counts->types > TYPES_MAX || counts->chars > CHARS_MAX ||
        counts->leaps > TRANSITIONS_MAX || counts->is_utc > TYPES_MAX ||
        counts->is_standard > TYPES_MAX)
        return err_set(err, ERR_INVALID, "TZif counts are beyond all measure");
    skip(bytes, HEADER_BYTES);
    return true;
}

/** Leave out the block of version 1: its instants have 32 bits. */
static bool skip_first_block(struct bytes *bytes, struct err *err)
{
    struct counts c = {0};

    if (!read_header(bytes, &c, err))
        return false;
    if (!skip(bytes, (size_t)c.times * 5 + (size_t)c.types * TYPE_BYTES + c.chars +
                         (size_t)c.leaps * 8 + c.is_standard + c.is_utc))
        return err_set(err, ERR_INVALID, "TZif is cut off in its first block");
    return true;
}

static bool read_changes(struct zone *zone, const unsigned char *at, const struct counts *counts,
                         struct err *err)
{
    zone->n_changes = counts->times;
    zone->changes = mem_new_array(counts->times + 1, sizeof *zone->changes);
    zone->types = mem_new_array(counts->times + 1, 1);
    for (size_t i = 0; i < counts->times; i++) {
        zone->changes[i] = get_i64(at + i * 8);
        zone->types[i] = at[(size_t)counts->times * 8 + i];
        if (zone->changes[i] < -instant_limit || zone->changes[i] > instant_limit ||
            (i > 0 && zone->changes[i] <= zone->changes[i - 1]))
            return err_set(err, ERR_INVALID, "TZif change %zu is out of order", i);
        if (zone->types[i] >= counts->types)
            return err_set(err, ERR_INVALID, "TZif change %zu has no type", i);
    }
    return true;
}

static bool read_types(struct zone *zone, const unsigned char *at, const struct counts *counts,
                       struct err *err)
{
    for (size_t i = 0; i < counts->types; i++) {
        zone->offsets[i] = (int)(int32_t)get_u32(at + i * TYPE_BYTES);
        if (zone->offsets[i] < OFFSET_MIN || zone->offsets[i] > OFFSET_MAX)
            return err_set(err, ERR_INVALID, "TZif type %zu is more than a day off", i);
    }
    return true;
}

static bool read_block(struct zone *zone, struct bytes *bytes, struct err *err)
{
    const unsigned char *at;
    struct counts c = {0};

    if (!read_header(bytes, &c, err))
        return false;
    if (c.types == 0)
        return err_set(err, ERR_INVALID, "TZif has no type of local time");
    if (c.leaps != 0)
        return err_set(err, ERR_INVALID, "TZif counts leap seconds, which instants here do not");
    at = bytes->at;
    if (!skip(bytes, (size_t)c.times * 9 + (size_t)c.types * TYPE_BYTES + c.chars +
                         (size_t)c.leaps * LEAP_BYTES + c.is_standard + c.is_utc))
        return err_set(err, ERR_INVALID, "TZif is cut off in its table");
    return read_changes(zone, at, &c, err) && read_types(zone, at + (size_t)c.times * 9, &c, err);
}

/** Read "\n<rule>\n"; an empty rule says that nothing is known of the time after the table. */
static bool read_footer(struct zone *zone, const struct bytes *bytes, struct err *err)
{
    char text[FOOTER_MAX + 1] = "";
    const unsigned char *end;
    size_t n;

    if (bytes->n < 2 || bytes->at[0] != '\n')
        return err_set(err, ERR_INVALID, "TZif has no footer");
    end = memchr(bytes->at + 1, '\n', bytes->n - 1);
    if (end == NULL || end - bytes->at - 1 > FOOTER_MAX)
        return err_set(err, ERR_INVALID, "TZif footer has no end");
    n = (size_t)(end - bytes->at - 1);
    memcpy(text, bytes->at + 1, n);
    zone->has_footer = n > 0;
    if (zone->has_footer && (strlen(text) != n || !posix_tz_read(text, &zone->footer)))
        return err_set(err, ERR_INVALID, "TZif footer is not a rule of POSIX");
    return true;
}

struct zone *zone_new(const void *bytes, size_t n_bytes, struct err *err)
{
    struct bytes left = {bytes, n_bytes};
    struct zone *zone = MEM_NEW(struct zone);

    if (skip_first_block(&left, err) && read_block(zone, &left, err) &&
        read_footer(zone, &left, err))
        return zone;
    zone_free(zone);
    return NULL;
}

void zone_free(struct zone *zone)
{
    if (zone == NULL)
        return;
    mem_free(zone->changes);
    mem_free(zone->types);
    mem_free(zone);
}

/** Return how many changes are not after `at`. */
static size_t count_changes(const struct zone *zone, int64_t at)
{
    size_t low = 0, high = zone->n_changes;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (zone->changes[middle] <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct offset_span find_span(const struct zone *zone, int64_t at)
{
    size_t n = count_changes(zone, at);
    struct offset_span span = {INT64_MIN, INT64_MAX, 0};

    if (n > 0)
        span.from = zone->changes[n - 1];
    if (n < zone->n_changes) {
        span.until = zone->changes[n];
        /* before the first change it is type 0: RFC 8536 §3.2 */
        span.offset = zone->offsets[n > 0 ? zone->types[n - 1] : 0];
    } else if (zone->has_footer) {
        int64_t from = span.from;

        span = posix_tz_span(&zone->footer, at);
        if (span.from < from)
            span.from = from;
    } else {
        span.offset = zone->offsets[n > 0 ? zone->types[n - 1] : 0];
    }
    return span;
}

static int64_t floor_seconds(int64_t at)
{
    return at / MS_A_SECOND - (at % MS_A_SECOND < 0 ? 1 : 0);
}

struct local_time zone_local(const struct zone *zone, int64_t at)
{
    int64_t seconds = floor_seconds(at);

    return local_time_from_seconds(seconds + find_span(zone, seconds).offset);
}

int64_t zone_instant(const struct zone *zone, const struct local_time *time, enum zone_fit *fit)
{
    int64_t local = local_time_seconds(time);
    struct offset_span span = find_span(zone, local - OFFSET_MAX);
    int64_t found = 0, gap = 0;
    int n_found = 0;

    for (;;) {
        int64_t instant = local - span.offset;

        if (instant >= span.from && instant < span.until && n_found++ == 0)
            found = instant;
        /* of the spans that end before the time comes, the last one's offset is that before the gap */
        if (instant >= span.until)
            gap = instant;
        if (span.until > local - OFFSET_MIN)
            break;
        span = find_span(zone, span.until);
    }
    if (fit != NULL)
        *fit = n_found == 0 ? ZONE_GAP : n_found == 1 ? ZONE_EXACT : ZONE_REPEATED;
    return (n_found == 0 ? gap : found) * MS_A_SECOND;
}
