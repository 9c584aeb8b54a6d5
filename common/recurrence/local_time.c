#include "common/recurrence/local_time.h"

#include <stdio.h>
#include <string.h>

enum { YEAR_MIN = 1970, YEAR_MAX = 2299 };
enum { DAYS_AN_ERA = 146097, DAYS_TO_1970 = 719468, SECONDS_A_DAY = 86400 };

/** Read `n` digits; -1 when one of them is none. */
static int read_digits(const char *text, int n)
{
    int value = 0;

    for (int i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

bool local_time_read(const char *text, struct local_time *time)
{
    struct local_time t;

    if (text == NULL || strlen(text) != LOCAL_TIME_SIZE - 1 || text[4] != '-' || text[7] != '-' ||
        text[10] != 'T' || text[13] != ':' || text[16] != ':')
        return false;
    t = (struct local_time){.year = read_digits(text, 4),
                            .month = read_digits(text + 5, 2),
                            .day = read_digits(text + 8, 2),
                            .hour = read_digits(text + 11, 2),
                            .minute = read_digits(text + 14, 2),
                            .second = read_digits(text + 17, 2)};
    if (!local_time_is_valid(&t))
        return false;
    *time = t;
    return true;
}

bool local_time_is_valid(const struct local_time *time)
{
    return time->year >= YEAR_MIN && time->year <= YEAR_MAX && time->month >= 1 &&
           time->month <= 12 && time->day >= 1 &&
           time->day <= local_time_days_in_month(time->year, time->month) && time->hour >= 0 &&
           time->hour <= 23 && time->minute >= 0 && time->minute <= 59 && time->second >= 0 &&
           time->second <= 59;
}

void local_time_write(const struct local_time *time, char text[LOCAL_TIME_SIZE])
{
    char whole[80]; /* as long as six ints can get */

    snprintf(whole, sizeof whole, "%04d-%02d-%02dT%02d:%02d:%02d", time->year, time->month,
             time->day, time->hour, time->minute, time->second);
    memcpy(text, whole, LOCAL_TIME_SIZE - 1);
    text[LOCAL_TIME_SIZE - 1] = '\0';
}

int local_time_read_clock(const char *text)
{
    int hour, minute;

    if (text == NULL || strlen(text) != CLOCK_TIME_SIZE - 1 || text[2] != ':')
        return -1;
    hour = read_digits(text, 2);
    minute = read_digits(text + 3, 2);
    return hour < 0 || hour > 23 || minute < 0 || minute > 59 ? -1 : hour * 60 + minute;
}

/** Days since 1970-01-01. Years are counted from 1 March, so that the leap day is their last; 400 of
 *  them are an era. */
static int64_t days_from_date(int year, int month, int day)
{
    int64_t y = (int64_t)year - (month <= 2 ? 1 : 0);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * DAYS_AN_ERA + day_of_era - DAYS_TO_1970;
}

static void date_from_days(int64_t days, struct local_time *time)
{
    int64_t shifted = days + DAYS_TO_1970;
    int64_t era = (shifted >= 0 ? shifted : shifted - (DAYS_AN_ERA - 1)) / DAYS_AN_ERA;
    int64_t day_of_era = shifted - era * DAYS_AN_ERA;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int month = (int)((5 * day_of_year + 2) / 153); /* from March */

    time->day = (int)(day_of_year - (153 * month + 2) / 5 + 1);
    time->month = month < 10 ? month + 3 : month - 9;
    time->year = (int)(year_of_era + era * 400 + (time->month <= 2 ? 1 : 0));
}

int64_t local_time_seconds(const struct local_time *time)
{
    return days_from_date(time->year, time->month, time->day) * SECONDS_A_DAY + time->hour * 3600 +
           time->minute * 60 + time->second;
}

struct local_time local_time_from_seconds(int64_t seconds)
{
    int64_t days = seconds / SECONDS_A_DAY - (seconds % SECONDS_A_DAY < 0 ? 1 : 0);
    int rest = (int)(seconds - days * SECONDS_A_DAY);
    struct local_time time = {.hour = rest / 3600, .minute = rest / 60 % 60, .second = rest % 60};

    date_from_days(days, &time);
    return time;
}

int local_time_days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && is_leap);
}

int local_time_weekday(const struct local_time *time)
{
    int64_t days = days_from_date(time->year, time->month, time->day) + 3; /* that was a Thursday */

    return (int)(days % 7 + 7) % 7;
}
