/* A rule is read part by part, by one table; each part fills its field and leaves a mark, so that
 * repeated parts and those that do not go together are seen. Lists are sorted and freed of doubles
 * as they are read, in the order of a calendar: 1 before 31 before -2 before -1. */
#include "common/recurrence/rule.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    VALUE_SHOWN_MAX = 24,
    NAME_MAX_BYTES = 12,
    MONTH_ORDINAL_MAX = 5,
    YEAR_ORDINAL_MAX = 53,
    POSITION_MAX = 366,
    MONTH_DAY_MAX = 31,
    LAST_FIRST = 1000, /* more than any value of a list: negative ones sort behind all others */
    DATE_CHARS = 8,
    DATE_TIME_CHARS = 15,
};

/** One rule being read: where, and what has come. */
struct reading {
    struct rule *rule;
    const char *field;
    struct err *err;
    unsigned seen; /* bits by enum part */
};

/** A part of the text; not ended by a NUL. */
struct slice {
    const char *at;
    size_t n;
};

/* in the order of RFC 5545 §3.3.10, in which they are written */
enum part { FREQ, UNTIL, COUNT, INTERVAL, BYDAY, BYMONTHDAY, BYMONTH, BYSETPOS, WKST, N_PARTS };
typedef bool read_part_fn(struct reading *r, struct slice value);
static read_part_fn read_freq, read_until, read_count, read_interval, read_days, read_month_days,
    read_months, read_positions, read_week_start;
static const struct {
    const char *name;
    read_part_fn *read;
} parts[N_PARTS] = {
    [FREQ] = {"FREQ", read_freq},         [UNTIL] = {"UNTIL", read_until},
    [COUNT] = {"COUNT", read_count},      [INTERVAL] = {"INTERVAL", read_interval},
    [BYDAY] = {"BYDAY", read_days},       [BYMONTHDAY] = {"BYMONTHDAY", read_month_days},
    [BYMONTH] = {"BYMONTH", read_months}, [BYSETPOS] = {"BYSETPOS", read_positions},
    [WKST] = {"WKST", read_week_start},
};
static const char *const left_out[] = {"BYSECOND", "BYMINUTE", "BYHOUR", "BYYEARDAY", "BYWEEKNO"};
static const char *const freq_names[] = {"HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"};
static const char *const weekday_names[] = {"MO", "TU", "WE", "TH", "FR", "SA", "SU"};

enum { N_FREQS = sizeof freq_names / sizeof freq_names[0], N_WEEKDAYS = 7 };
enum { N_LEFT_OUT = sizeof left_out / sizeof left_out[0] };

static bool slice_is(struct slice slice, const char *word)
{
    return strlen(word) == slice.n && strncasecmp(slice.at, word, slice.n) == 0;
}

/** Show a value in an error: its beginning, in visible ASCII. */
static const char *show(struct slice value, char shown[VALUE_SHOWN_MAX + 4])
{
    size_t n = value.n < VALUE_SHOWN_MAX ? value.n : VALUE_SHOWN_MAX;

    for (size_t i = 0; i < n; i++)
        shown[i] = value.at[i] > ' ' && value.at[i] <= '~' ? value.at[i] : '?';
    memcpy(shown + n, n < value.n ? "..." : "", n < value.n ? sizeof "..." : 1);
    return shown;
}

/** Take what stands before the next `separator` or the end; false when nothing is left. */
static bool take_slice(struct slice *rest, char separator, struct slice *taken)
{
    const char *end;

    if (rest->at == NULL)
        return false;
    end = memchr(rest->at, separator, rest->n);
    *taken = (struct slice){rest->at, end != NULL ? (size_t)(end - rest->at) : rest->n};
    if (end != NULL)
        *rest = (struct slice){end + 1, rest->n - taken->n - 1};
    else
        *rest = (struct slice){NULL, 0};
    return true;
}

/** Read [+-]digits; false when it is none. So long a number that it can fit no limit is 99999. */
static bool read_integer(struct slice text, bool may_be_signed, int *value)
{
    bool is_negative = text.n > 0 && text.at[0] == '-';
    size_t i = text.n > 0 && may_be_signed && (is_negative || text.at[0] == '+') ? 1 : 0;

    if (i == text.n)
        return false;
    for (*value = 0; i < text.n; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        *value = *value < 10000 ? *value * 10 + (text.at[i] - '0') : 99999;
    }
    if (is_negative)
        *value = -*value;
    return true;
}

static bool read_positive(struct reading *r, enum part part, struct slice value, int max,
                          int *number)
{
    char shown[VALUE_SHOWN_MAX + 4];

    if (!read_integer(value, false, number) || *number < 1 || *number > max)
        return err_add_field(r->err, r->field, "%s=%s is not a number from 1 to %d",
                             parts[part].name, show(value, shown), max);
    return true;
}

static int find_word(struct slice value, const char *const *words, int n_words)
{
    for (int i = 0; i < n_words; i++)
        if (slice_is(value, words[i]))
            return i;
    return -1;
}

static bool read_freq(struct reading *r, struct slice value)
{
    char shown[VALUE_SHOWN_MAX + 4];
    int freq = find_word(value, freq_names, N_FREQS);

    if (slice_is(value, "MINUTELY") || slice_is(value, "SECONDLY"))
        return err_add_field(r->err, r->field, "FREQ=%s is too often; HOURLY at most",
                             show(value, shown));
    if (freq < 0)
        return err_add_field(r->err, r->field,
                             "FREQ=%s is not HOURLY, DAILY, WEEKLY, MONTHLY or YEARLY",
                             show(value, shown));
    r->rule->freq = (enum rule_freq)freq;
    return true;
}

/** Read "20260131", "20260131T090000" or "20260131T090000Z". */
static bool read_until(struct reading *r, struct slice value)
{
    struct rule *rule = r->rule;
    char shown[VALUE_SHOWN_MAX + 4], text[LOCAL_TIME_SIZE];
    char t[DATE_TIME_CHARS + 1] = "00000000T235959";
    size_t n = value.n;

    rule->until_is_utc = n == DATE_TIME_CHARS + 1 && (value.at[n - 1] | 0x20) == 'z';
    if (rule->until_is_utc)
        n--;
    if (n == DATE_CHARS || (n == DATE_TIME_CHARS && (value.at[DATE_CHARS] | 0x20) == 't')) {
        memcpy(t, value.at, n);
        snprintf(text, sizeof text, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2s", t, t + 4, t + 6, t + 9, t + 11,
                 t + 13);
        rule->has_until = local_time_read(text, &rule->until);
    }
    if (!rule->has_until)
        return err_add_field(r->err, r->field,
                             "UNTIL=%s is not a date or time from 1970 to 2299 such as 20261231, "
                             "20261231T235959 or 20261231T225959Z",
                             show(value, shown));
    return true;
}

static bool read_count(struct reading *r, struct slice value)
{
    return read_positive(r, COUNT, value, RULE_COUNT_MAX, &r->rule->count);
}

static bool read_interval(struct reading *r, struct slice value)
{
    return read_positive(r, INTERVAL, value, RULE_INTERVAL_MAX, &r->rule->interval);
}

static int calendar_order(int value)
{
    return value < 0 ? value + LAST_FIRST : value;
}

static int compare_days(const struct rule_day *a, const struct rule_day *b)
{
    int order = calendar_order(a->ordinal) - calendar_order(b->ordinal);

    return order != 0 ? order : a->weekday - b->weekday;
}

/** Put a day where it belongs, unless it is there. False when the list is full. */
static bool add_day(struct rule *rule, struct rule_day day)
{
    int at = rule->n_days;

    while (at > 0 && compare_days(&rule->days[at - 1], &day) > 0)
        at--;
    if (at > 0 && compare_days(&rule->days[at - 1], &day) == 0)
        return true;
    if (rule->n_days == RULE_PARTS_MAX)
        return false;
    memmove(&rule->days[at + 1], &rule->days[at], (size_t)(rule->n_days - at) * sizeof day);
    rule->days[at] = day;
    rule->n_days++;
    return true;
}

static bool read_days(struct reading *r, struct slice value)
{
    char shown[VALUE_SHOWN_MAX + 4];
    struct slice one;

    while (take_slice(&value, ',', &one)) {
        struct slice ordinal = {one.at, one.n >= 2 ? one.n - 2 : 0};
        struct rule_day day = {0, -1};

        if (one.n >= 2)
            day.weekday =
                find_word((struct slice){one.at + ordinal.n, 2}, weekday_names, N_WEEKDAYS);
        if (day.weekday < 0 || (ordinal.n > 0 && !read_integer(ordinal, true, &day.ordinal)))
            return err_add_field(r->err, r->field, "BYDAY=%s is not a day such as MO, 1MO or -1FR",
                                 show(one, shown));
        if (ordinal.n > 0 &&
            (day.ordinal == 0 || day.ordinal > YEAR_ORDINAL_MAX || day.ordinal < -YEAR_ORDINAL_MAX))
            return err_add_field(r->err, r->field,
                                 "BYDAY=%s: the number is not 1 to %d or -1 to -%d",
                                 show(one, shown), YEAR_ORDINAL_MAX, YEAR_ORDINAL_MAX);
        if (!add_day(r->rule, day))
            return err_add_field(r->err, r->field, "BYDAY has more than %d days", RULE_PARTS_MAX);
    }
    return true;
}

struct number_list {
    enum part part;
    int max;
    bool is_signed;
    int *numbers, *n_numbers, capacity;
};

static bool add_number(const struct number_list *list, int number)
{
    int at = *list->n_numbers;

    while (at > 0 && calendar_order(list->numbers[at - 1]) > calendar_order(number))
        at--;
    if (at > 0 && list->numbers[at - 1] == number)
        return true;
    if (*list->n_numbers == list->capacity)
        return false;
    memmove(&list->numbers[at + 1], &list->numbers[at],
            (size_t)(*list->n_numbers - at) * sizeof number);
    list->numbers[at] = number;
    (*list->n_numbers)++;
    return true;
}

static bool read_numbers(struct reading *r, struct slice value, const struct number_list *list)
{
    const char *name = parts[list->part].name;
    char shown[VALUE_SHOWN_MAX + 4];
    struct slice one;
    int number;

    while (take_slice(&value, ',', &one)) {
        if (!read_integer(one, list->is_signed, &number) || number == 0 || number > list->max ||
            number < -list->max)
            return err_add_field(
                r->err, r->field, "%s=%s is not a number from 1 to %d%s", name, show(one, shown),
                list->max, list->is_signed ? ", or such a one from the end with a minus" : "");
        if (!add_number(list, number))
            return err_add_field(r->err, r->field, "%s has more than %d numbers", name,
                                 list->capacity);
    }
    return true;
}

static bool read_month_days(struct reading *r, struct slice value)
{
    struct rule *rule = r->rule;

    return read_numbers(r, value,
                        &(struct number_list){BYMONTHDAY, MONTH_DAY_MAX, true, rule->month_days,
                                              &rule->n_month_days, RULE_PARTS_MAX});
}

static bool read_months(struct reading *r, struct slice value)
{
    struct rule *rule = r->rule;

    return read_numbers(
        r, value, &(struct number_list){BYMONTH, 12, false, rule->months, &rule->n_months, 12});
}

static bool read_positions(struct reading *r, struct slice value)
{
    struct rule *rule = r->rule;

    return read_numbers(r, value,
                        &(struct number_list){BYSETPOS, POSITION_MAX, true, rule->positions,
                                              &rule->n_positions, RULE_PARTS_MAX});
}

static bool read_week_start(struct reading *r, struct slice value)
{
    char shown[VALUE_SHOWN_MAX + 4];

    r->rule->week_start = find_word(value, weekday_names, N_WEEKDAYS);
    if (r->rule->week_start < 0)
        return err_add_field(r->err, r->field, "WKST=%s is not one of MO TU WE TH FR SA SU",
                             show(value, shown));
    return true;
}

static bool read_part(struct reading *r, struct slice part)
{
    char shown[VALUE_SHOWN_MAX + 4];
    struct slice name;
    bool has_value = memchr(part.at, '=', part.n) != NULL;

    (void)take_slice(&part, '=', &name);
    for (int i = 0; i < N_PARTS && has_value; i++) {
        if (!slice_is(name, parts[i].name))
            continue;
        if (r->seen & 1U << i)
            return err_add_field(r->err, r->field, "%s comes twice", parts[i].name);
        r->seen |= 1U << i;
        return parts[i].read(r, part);
    }
    if (has_value && find_word(name, left_out, N_LEFT_OUT) >= 0)
        return err_add_field(r->err, r->field,
                             "%s is not taken; the parts are FREQ, INTERVAL, COUNT, UNTIL, BYDAY, "
                             "BYMONTHDAY, BYMONTH, BYSETPOS and WKST",
                             show(name, shown));
    if (!has_value && r->seen == 0)
        return err_add_field(r->err, r->field,
                             "\"%s\" is not daily, weekly, monthly, yearly or a rule such as "
                             "FREQ=WEEKLY;BYDAY=MO",
                             show(name, shown));
    return err_add_field(r->err, r->field, "\"%s\" is not a part of a rule (RFC 5545 §3.3.10)",
                         show(name, shown));
}

/** Check the numbers before days of the week: whether there may be any, and how high. */
static bool check_ordinals(const struct reading *r)
{
    const struct rule *rule = r->rule;
    int max =
        rule->freq == RULE_MONTHLY || rule->n_months > 0 ? MONTH_ORDINAL_MAX : YEAR_ORDINAL_MAX;

    for (int i = 0; i < rule->n_days; i++) {
        int ordinal = rule->days[i].ordinal;

        if (ordinal != 0 && rule->freq != RULE_MONTHLY && rule->freq != RULE_YEARLY)
            return err_add_field(
                r->err, r->field, "BYDAY=%d%s: only MONTHLY and YEARLY count days; %s does not",
                ordinal, weekday_names[rule->days[i].weekday], freq_names[rule->freq]);
        if (ordinal > max || ordinal < -max)
            return err_add_field(r->err, r->field, "BYDAY=%d%s: a month has at most %d of them",
                                 ordinal, weekday_names[rule->days[i].weekday], max);
    }
    return true;
}

static bool check_together(const struct reading *r)
{
    const struct rule *rule = r->rule;

    if (!(r->seen & 1U << FREQ))
        return err_add_field(r->err, r->field, "FREQ is missing");
    if (rule->count > 0 && rule->has_until)
        return err_add_field(r->err, r->field, "COUNT and UNTIL do not go together");
    if (rule->freq == RULE_WEEKLY && rule->n_month_days > 0)
        return err_add_field(r->err, r->field, "BYMONTHDAY does not go with FREQ=WEEKLY");
    if (rule->n_positions > 0 && rule->n_days + rule->n_month_days + rule->n_months == 0)
        return err_add_field(r->err, r->field,
                             "BYSETPOS needs a BYDAY, BYMONTHDAY or BYMONTH to choose from");
    return check_ordinals(r);
}

static bool read_shorthand(const char *text, struct rule *rule)
{
    struct slice whole = {text, strlen(text)};
    int freq = find_word(whole, freq_names, N_FREQS);

    if (freq < 0 || freq == RULE_HOURLY)
        return false;
    rule->freq = (enum rule_freq)freq;
    return true;
}

bool rule_read(const char *text, const char *field, struct rule *rule, struct err *err)
{
    struct reading r = {.rule = rule, .field = field, .err = err};
    size_t n = strlen(text);
    struct slice rest, part;

    *rule = (struct rule){.interval = 1};
    if (n > RULE_TEXT_MAX)
        return err_add_field(err, field, "is %zu characters long; at most %d", n, RULE_TEXT_MAX);
    if (read_shorthand(text, rule))
        return true;
    if (strncasecmp(text, "RRULE:", 6) == 0)
        text += 6;
    rest = (struct slice){text, strlen(text)};
    while (take_slice(&rest, ';', &part))
        if (!read_part(&r, part))
            return false;
    return check_together(&r);
}

static void write_numbers(struct buf *out, enum part part, const int *numbers, int n_numbers)
{
    for (int i = 0; i < n_numbers; i++) {
        if (i == 0)
            buf_format(out, ";%s=%d", parts[part].name, numbers[i]);
        else
            buf_format(out, ",%d", numbers[i]);
    }
}

static void write_days(struct buf *out, const struct rule *rule)
{
    for (int i = 0; i < rule->n_days; i++) {
        buf_add_text(out, i == 0 ? ";BYDAY=" : ",");
        if (rule->days[i].ordinal != 0)
            buf_format(out, "%d", rule->days[i].ordinal);
        buf_add_text(out, weekday_names[rule->days[i].weekday]);
    }
}

/** The last second of a day on the wall is written as the day alone. */
static void write_until(struct buf *out, const struct rule *rule)
{
    const struct local_time *t = &rule->until;

    buf_format(out, ";UNTIL=%04d%02d%02d", t->year, t->month, t->day);
    if (rule->until_is_utc || t->hour != 23 || t->minute != 59 || t->second != 59)
        buf_format(out, "T%02d%02d%02d%s", t->hour, t->minute, t->second,
                   rule->until_is_utc ? "Z" : "");
}

void rule_write(const struct rule *rule, struct buf *out)
{
    buf_format(out, "FREQ=%s", freq_names[rule->freq]);
    if (rule->has_until)
        write_until(out, rule);
    if (rule->count > 0)
        buf_format(out, ";COUNT=%d", rule->count);
    if (rule->interval > 1)
        buf_format(out, ";INTERVAL=%d", rule->interval);
    write_days(out, rule);
    write_numbers(out, BYMONTHDAY, rule->month_days, rule->n_month_days);
    write_numbers(out, BYMONTH, rule->months, rule->n_months);
    write_numbers(out, BYSETPOS, rule->positions, rule->n_positions);
    if (rule->week_start > 0)
        buf_format(out, ";WKST=%s", weekday_names[rule->week_start]);
}
