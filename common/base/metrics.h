/* common/base/metrics.h — counters, gauges and histograms in the Prometheus text format.
 * Source: Prometheus exposition format 0.0.4; base units (seconds, bytes), no ids as labels. */
#ifndef COMMON_BASE_METRICS_H
#define COMMON_BASE_METRICS_H

#include <stdint.h>

#include "common/base/buf.h"

struct metrics;        /* the registry; one per process, in struct app */
struct metrics_series; /* one line: a name with one fixed set of labels */

struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);

/** Register a series, or return the one that has the same name and labels. `name`, `help` are
 *  static; `labels` is the inside of the braces (`route="/tasks",status="200"`, values escaped by
 *  the caller) or NULL; it is copied. Owned by the registry, valid until metrics_free. */
struct metrics_series *metrics_counter(struct metrics *metrics, const char *name, const char *help,
                                       const char *labels);
struct metrics_series *metrics_gauge(struct metrics *metrics, const char *name, const char *help,
                                     const char *labels);
/** Buckets are fixed: 1 ms to 10 s, 13 steps, in seconds. */
struct metrics_series *metrics_histogram(struct metrics *metrics, const char *name,
                                         const char *help, const char *labels);

void metrics_add(struct metrics_series *series, double amount); /* counter, gauge; NULL is fine */
void metrics_set(struct metrics_series *series, double value);  /* gauge */
void metrics_observe(struct metrics_series *series, double seconds); /* histogram */

/** Append the whole exposition: HELP and TYPE once a name. */
void metrics_write(const struct metrics *metrics, struct buf *out);

/** Register and refresh process_resident_memory_bytes, process_cpu_seconds_total,
 *  process_open_fds, process_start_time_seconds from /proc/self. */
void metrics_refresh_process(struct metrics *metrics);

#endif
