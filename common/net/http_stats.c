#include "common/net/http_stats.h"

#include <stdio.h>

#include "common/base/mem.h"
#include "common/base/metrics.h"

enum { STATUSES_KEPT = 12, LABELS_SIZE = 320, UNMATCHED_ROWS = 8 };

/* What is counted of one route, one method without a route, or the refused. */
struct row {
    const char *route;
    const char *method;
    struct metrics_series *seconds;
    struct {
        int status;
        struct metrics_series *series;
    } counts[STATUSES_KEPT];
};

struct http_stats {
    struct metrics *metrics;
    const char *port;
    const struct route *routes;
    size_t n_routes;
    struct row
        *rows; /* the routes, then a row per method for what matched none, then the refused */
    struct metrics_series *connections;
};

static const char *const method_names[] = {"GET",    "POST",    "PUT", "PATCH",
                                           "DELETE", "OPTIONS", "HEAD"};

const char *http_method_name(enum http_method method)
{
    return method_names[__builtin_ctz((unsigned)method)];
}

struct http_stats *http_stats_new(struct metrics *metrics, const char *port,
                                  const struct route *routes, size_t n_routes)
{
    struct http_stats *stats = MEM_NEW(struct http_stats);
    char labels[LABELS_SIZE];

    stats->metrics = metrics;
    stats->port = port;
    stats->routes = routes;
    stats->n_routes = n_routes;
    stats->rows = mem_new_array(n_routes + UNMATCHED_ROWS, sizeof(*stats->rows));
    for (size_t i = 0; i < n_routes; i++) {
        stats->rows[i].route = routes[i].path;
        stats->rows[i].method = http_method_name(routes[i].method);
    }
    for (size_t i = 0; i < UNMATCHED_ROWS - 1; i++) {
        stats->rows[n_routes + i].route = "unmatched";
        stats->rows[n_routes + i].method = method_names[i];
    }
    stats->rows[n_routes + UNMATCHED_ROWS - 1].route = "refused";
    stats->rows[n_routes + UNMATCHED_ROWS - 1].method = "";
    snprintf(labels, sizeof(labels), "port=\"%s\"", port);
    if (metrics)
        stats->connections =
            metrics_gauge(metrics, "http_connections", "Open connections.", labels);
    return stats;
}

void http_stats_free(struct http_stats *stats)
{
    if (!stats)
        return;
    mem_free(stats->rows);
    mem_free(stats);
}

static struct metrics_series *new_count(const struct http_stats *stats, const struct row *row,
                                        int status)
{
    char labels[LABELS_SIZE];

    snprintf(labels, sizeof(labels), "port=\"%s\",route=\"%s\",method=\"%s\",status=\"%d\"",
             stats->port, row->route, row->method, status);
    return metrics_counter(stats->metrics, "http_requests_total", "Requests answered.", labels);
}

static struct metrics_series *find_count(const struct http_stats *stats, struct row *row,
                                         int status)
{
    for (size_t i = 0; i < STATUSES_KEPT; i++) {
        if (row->counts[i].status == status)
            return row->counts[i].series;
        if (row->counts[i].status == 0) {
            row->counts[i].status = status;
            row->counts[i].series = new_count(stats, row, status);
            return row->counts[i].series;
        }
    }
    return new_count(stats, row, status);
}

void http_stats_count(struct http_stats *stats, const struct route *route, enum http_method method,
                      int status, int64_t took_us)
{
    size_t at = route ? (size_t)(route - stats->routes)
                      : stats->n_routes + (size_t)__builtin_ctz((unsigned)method);
    struct row *row = &stats->rows[at];
    char labels[LABELS_SIZE];

    if (!stats->metrics)
        return;
    metrics_add(find_count(stats, row, status), 1);
    if (!row->seconds) {
        snprintf(labels, sizeof(labels), "port=\"%s\",route=\"%s\",method=\"%s\"", stats->port,
                 row->route, row->method);
        row->seconds = metrics_histogram(stats->metrics, "http_request_seconds",
                                         "From the whole request to its reply.", labels);
    }
    metrics_observe(row->seconds, (double)took_us / 1e6);
}

void http_stats_count_refused(struct http_stats *stats, int status)
{
    if (stats->metrics)
        metrics_add(find_count(stats, &stats->rows[stats->n_routes + UNMATCHED_ROWS - 1], status),
                    1);
}

void http_stats_set_connections(struct http_stats *stats, size_t n_connections)
{
    if (stats->connections)
        metrics_set(stats->connections, (double)n_connections);
}
