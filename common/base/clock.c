#include "common/base/clock.h"

#include <assert.h>
#include <stddef.h>
#include <time.h>

enum { MS_A_SECOND = 1000, SECONDS_A_DAY = 86400, YEAR_MIN = 1970, YEAR_MAX = 9999 };
static const int64_t MS_A_DAY = INT64_C(86400000);

/* 9999-12-31T23:59:59.999Z and 0000-01-01T00:00:00Z */
static const int64_t LAST_READABLE = INT64_C(253402300799999);
static const int64_t FIRST_WRITABLE = INT64_C(-62167219200000);

int64_t clock_now_ms(void)
{
    return clock_now_us() / 1000;
}

int64_t clock_now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_monotonic_ms(void)
{
    return clock_monotonic_us() / 1000;
}

int64_t clock_monotonic_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Days since 1970-01-01 of a date of the proleptic Gregorian calendar. Years are taken to begin in
 * March, so that the leap day is the last; 400 of them are an era of 146097 days. */
static int64_t days_from_date(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * 146097 + day_of_era - 719468;
}

static void date_from_days(int64_t days, int *year, int *month, int *day)
{
    int64_t shifted = days + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t day_of_era = shifted - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t from_march = (5 * day_of_year + 2) / 153;

    *day = (int)(day_of_year - (153 * from_march + 2) / 5 + 1);
    *month = (int)(from_march < 10 ? from_march + 3 : from_march - 9);
    *year = (int)(year_of_era + era * 400 + (*month <= 2));
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && is_leap);
}

/* Read exactly `n_digits` and then, unless it is NUL, the character `after`. */
static bool read_number(const char **text, int n_digits, char after, int *value)
{
    int number = 0;

    for (int i = 0; i < n_digits; i++) {
        char c = *(*text)++;

        if (c < '0' || c > '9')
            return false;
        number = number * 10 + (c - '0');
    }
    if (after != '\0' && *(*text)++ != after)
        return false;
    *value = number;
    return true;
}

static bool read_fraction(const char **text, int *ms)
{
    int weight = 100;

    *ms = 0;
    if (**text != '.')
        return true;
    ++*text;
    if (**text < '0' || **text > '9')
        return false;
    for (; **text >= '0' && **text <= '9'; ++*text) {
        *ms += (**text - '0') * weight;
        weight /= 10;
    }
    return true;
}

static bool read_offset(const char **text, int *minutes)
{
    int sign = **text == '-' ? -1 : 1;
    int hour, minute;

    *minutes = 0;
    if (**text == 'Z' || **text == 'z') {
        ++*text;
        return true;
    }
    if (**text != '+' && **text != '-')
        return false;
    ++*text;
    if (!read_number(text, 2, ':', &hour) || !read_number(text, 2, '\0', &minute) || hour > 23 ||
        minute > 59)
        return false;
    *minutes = sign * (hour * 60 + minute);
    return true;
}

static bool read_date(const char **text, int64_t *days)
{
    int year, month, day;

    if (!read_number(text, 4, '-', &year) || !read_number(text, 2, '-', &month) ||
        !read_number(text, 2, '\0', &day))
        return false;
    if (year < YEAR_MIN - 1 || month < 1 || month > 12 || day < 1 ||
        day > days_in_month(year, month))
        return false;
    *days = days_from_date(year, month, day);
    return true;
}

static bool read_time_of_day(const char **text, int64_t *ms)
{
    int hour, minute, second, fraction;

    if (!read_number(text, 2, ':', &hour) || !read_number(text, 2, ':', &minute) ||
        !read_number(text, 2, '\0', &second) || !read_fraction(text, &fraction))
        return false;
    *ms = (int64_t)(hour * 3600 + minute * 60 + second) * MS_A_SECOND + fraction;
    return hour <= 23 && minute <= 59 && second <= 59;
}

bool clock_read(const char *text, int64_t *at)
{
    int64_t days, ms, instant;
    int offset_minutes;

    if (text == NULL || !read_date(&text, &days) || (*text != 'T' && *text != 't'))
        return false;
    text++;
    if (!read_time_of_day(&text, &ms) || !read_offset(&text, &offset_minutes) || *text != '\0')
        return false;
    instant = days * MS_A_DAY + ms - (int64_t)offset_minutes * 60 * MS_A_SECOND;
    if (instant < 0 || instant > LAST_READABLE)
        return false;
    *at = instant;
    return true;
}

static char *write_number(char *to, int value, int n_digits, char after)
{
    for (int i = n_digits - 1; i >= 0; i--) {
        to[i] = (char)('0' + value % 10);
        value /= 10;
    }
    to[n_digits] = after;
    return to + n_digits + 1;
}

void clock_write(int64_t at, char text[CLOCK_TEXT_MAX])
{
    int64_t days = (at >= 0 ? at : at - (MS_A_DAY - 1)) / MS_A_DAY;
    int ms, year, month, day;

    assert(at >= FIRST_WRITABLE && at <= LAST_READABLE);
    ms = (int)(at - days * MS_A_DAY);
    date_from_days(days, &year, &month, &day);
    text = write_number(text, year, 4, '-');
    text = write_number(text, month, 2, '-');
    text = write_number(text, day, 2, 'T');
    text = write_number(text, ms / 3600000, 2, ':');
    text = write_number(text, ms / 60000 % 60, 2, ':');
    text = write_number(text, ms / 1000 % 60, 2, '.');
    text = write_number(text, ms % 1000, 3, 'Z');
    *text = '\0';
}
