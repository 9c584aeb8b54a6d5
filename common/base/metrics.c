#include "common/base/metrics.h"

#include <assert.h>
#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/mem.h"

enum metrics_type { METRICS_COUNTER, METRICS_GAUGE, METRICS_HISTOGRAM };
static const char *const type_names[] = {"counter", "gauge", "histogram"};

/* The upper bounds as the exposition shows them, and as they are compared. */
static const struct {
    const char *text;
    double seconds;
} buckets[] = {
    {"0.001", 0.001}, {"0.0025", 0.0025}, {"0.005", 0.005}, {"0.01", 0.01}, {"0.025", 0.025},
    {"0.05", 0.05},   {"0.1", 0.1},       {"0.25", 0.25},   {"0.5", 0.5},   {"1", 1},
    {"2.5", 2.5},     {"5", 5},           {"10", 10},
};
enum { N_BUCKETS = sizeof buckets / sizeof buckets[0] };

struct metrics_series {
    struct metrics_series *next;
    enum metrics_type type;
    char *labels;   /* owned; "" for none */
    double value;   /* of a histogram: the sum */
    uint64_t *n_in; /* owned; of a histogram: observations per bucket, the last beyond all bounds */
};

struct family {
    struct family *next;
    const char *name, *help; /* static */
    enum metrics_type type;
    struct metrics_series *first;
};

struct metrics {
    struct family *first; /* in the order of registration */
};

struct metrics *metrics_new(void)
{
    return MEM_NEW(struct metrics);
}

static void free_family(struct family *family)
{
    while (family->first != NULL) {
        struct metrics_series *series = family->first;

        family->first = series->next;
        mem_free(series->labels);
        mem_free(series->n_in);
        mem_free(series);
    }
    mem_free(family);
}

void metrics_free(struct metrics *metrics)
{
    if (metrics == NULL)
        return;
    while (metrics->first != NULL) {
        struct family *family = metrics->first;

        metrics->first = family->next;
        free_family(family);
    }
    mem_free(metrics);
}

static struct family *family_of(struct metrics *metrics, enum metrics_type type, const char *name,
                                const char *help)
{
    struct family **at = &metrics->first;

    for (; *at != NULL; at = &(*at)->next)
        if (strcmp((*at)->name, name) == 0) {
            assert((*at)->type == type);
            return *at;
        }
    *at = MEM_NEW(struct family);
    (*at)->name = name;
    (*at)->help = help;
    (*at)->type = type;
    return *at;
}

static struct metrics_series *series_of(struct metrics *metrics, enum metrics_type type,
                                        const char *name, const char *help, const char *labels)
{
    struct metrics_series **at = &family_of(metrics, type, name, help)->first;

    labels = labels == NULL ? "" : labels;
    for (; *at != NULL; at = &(*at)->next)
        if (strcmp((*at)->labels, labels) == 0)
            return *at;
    *at = MEM_NEW(struct metrics_series);
    (*at)->type = type;
    (*at)->labels = mem_copy_text(labels);
    if (type == METRICS_HISTOGRAM)
        (*at)->n_in = mem_new_array(N_BUCKETS + 1, sizeof *(*at)->n_in);
    return *at;
}

struct metrics_series *metrics_counter(struct metrics *metrics, const char *name, const char *help,
                                       const char *labels)
{
    return series_of(metrics, METRICS_COUNTER, name, help, labels);
}

struct metrics_series *metrics_gauge(struct metrics *metrics, const char *name, const char *help,
                                     const char *labels)
{
    return series_of(metrics, METRICS_GAUGE, name, help, labels);
}

struct metrics_series *metrics_histogram(struct metrics *metrics, const char *name,
                                         const char *help, const char *labels)
{
    return series_of(metrics, METRICS_HISTOGRAM, name, help, labels);
}

void metrics_add(struct metrics_series *series, double amount)
{
    if (series == NULL)
        return;
    assert(series->type != METRICS_HISTOGRAM);
    assert(series->type == METRICS_GAUGE || amount >= 0); /* a counter never falls */
    series->value += amount;
}

void metrics_set(struct metrics_series *series, double value)
{
    if (series == NULL)
        return;
    assert(series->type == METRICS_GAUGE);
    series->value = value;
}

void metrics_observe(struct metrics_series *series, double seconds)
{
    size_t i = 0;

    if (series == NULL)
        return;
    assert(series->type == METRICS_HISTOGRAM);
    while (i < N_BUCKETS && seconds > buckets[i].seconds)
        i++;
    series->n_in[i]++;
    series->value += seconds;
}

/* The shortest form that reads back as the same double. */
static void write_value(double value, struct buf *out)
{
    char text[32];

    if (!isfinite(value)) {
        buf_add_text(out, isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");
        return;
    }
    snprintf(text, sizeof text, "%.15g", value);
    if (strtod(text, NULL) < value || strtod(text, NULL) > value)
        snprintf(text, sizeof text, "%.17g", value);
    buf_add_text(out, text);
}

static void write_histogram(const struct family *family, const struct metrics_series *series,
                            struct buf *out)
{
    const char *comma = series->labels[0] == '\0' ? "" : ",";
    const char *open = series->labels[0] == '\0' ? "" : "{";
    const char *close = series->labels[0] == '\0' ? "" : "}";
    uint64_t count = 0;

    for (size_t i = 0; i <= N_BUCKETS; i++) {
        count += series->n_in[i];
        buf_format(out, "%s_bucket{%s%sle=\"%s\"} %" PRIu64 "\n", family->name, series->labels,
                   comma, i < N_BUCKETS ? buckets[i].text : "+Inf", count);
    }
    buf_format(out, "%s_sum%s%s%s ", family->name, open, series->labels, close);
    write_value(series->value, out);
    buf_format(out, "\n%s_count%s%s%s %" PRIu64 "\n", family->name, open, series->labels, close,
               count);
}

static void write_series(const struct family *family, const struct metrics_series *series,
                         struct buf *out)
{
    if (series->type == METRICS_HISTOGRAM) {
        write_histogram(family, series, out);
        return;
    }
    buf_add_text(out, family->name);
    if (series->labels[0] != '\0')
        buf_format(out, "{%s}", series->labels);
    buf_add_char(out, ' ');
    write_value(series->value, out);
    buf_add_char(out, '\n');
}

static void write_help(const struct family *family, struct buf *out)
{
    buf_format(out, "# HELP %s ", family->name);
    for (const char *at = family->help; *at != '\0'; at++) {
        if (*at == '\\')
            buf_add_text(out, "\\\\");
        else if (*at == '\n')
            buf_add_text(out, "\\n");
        else
            buf_add_char(out, *at);
    }
    buf_format(out, "\n# TYPE %s %s\n", family->name, type_names[family->type]);
}

void metrics_write(const struct metrics *metrics, struct buf *out)
{
    for (const struct family *family = metrics->first; family != NULL; family = family->next) {
        write_help(family, out);
        for (const struct metrics_series *series = family->first; series; series = series->next)
            write_series(family, series, out);
    }
}

/* Read the start of a file of /proc as text. */
static bool read_proc(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "re");
    size_t n_read;

    if (file == NULL)
        return false;
    n_read = fread(text, 1, size - 1, file);
    fclose(file);
    text[n_read] = '\0';
    return n_read > 0;
}

static double count_open_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    double count = -1; /* the directory's own */

    if (dir == NULL)
        return 0;
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

static double boot_time(void)
{
    FILE *file = fopen("/proc/stat", "re");
    double seconds = 0;
    char line[256]; /* a longer line comes in pieces, none of which begins like ours */

    if (file == NULL)
        return 0;
    while (fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "btime ", strlen("btime ")) == 0)
            seconds = strtod(line + strlen("btime "), NULL);
    fclose(file);
    return seconds;
}

/* proc(5): the fields of /proc/self/stat count from 1; the second, the name, may hold spaces and
 * brackets, so counting begins after its last bracket. */
static bool read_stat(double fields[25])
{
    char text[1024];
    char *at;

    if (!read_proc("/proc/self/stat", text, sizeof text) || (at = strrchr(text, ')')) == NULL ||
        strlen(at) < 4)
        return false;
    at += 3; /* over the third, a letter */
    for (int i = 4; i < 25; i++)
        fields[i] = strtod(at, &at);
    return true;
}

void metrics_refresh_process(struct metrics *metrics)
{
    struct metrics_series *start_time =
        metrics_gauge(metrics, "process_start_time_seconds", "Start time since the epoch.", NULL);
    double ticks = (double)sysconf(_SC_CLK_TCK);
    double fields[25];

    if (!read_stat(fields))
        return;
    if (start_time->value <= 0)
        metrics_set(start_time, boot_time() + fields[22] / ticks);
    metrics_counter(metrics, "process_cpu_seconds_total", "User and system CPU time.", NULL)
        ->value = (fields[14] + fields[15]) / ticks;
    metrics_set(metrics_gauge(metrics, "process_resident_memory_bytes", "Resident memory.", NULL),
                fields[24] * (double)sysconf(_SC_PAGESIZE));
    metrics_set(metrics_gauge(metrics, "process_open_fds", "Open file descriptors.", NULL),
                count_open_fds());
}
