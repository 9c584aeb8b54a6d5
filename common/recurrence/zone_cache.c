#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/recurrence/zone.h"

enum { ZONE_NAME_MAX = 64, ZONE_FILE_MAX = 256 * 1024, LOOK_EVERY_MS = 60000, PATH_SIZE = 1024 };

struct entry {
    char name[ZONE_NAME_MAX + 1];
    struct zone *zone;    /* owned */
    struct zone *retired; /* the one before it, which somebody may still use in this turn; owned */
    int64_t looked_at;
    struct stat seen;
};

struct zone_cache {
    char *directory;
    struct entry **entries; /* in order of their names */
    size_t n_entries;
};

struct zone_cache *zone_cache_new(const char *directory)
{
    struct zone_cache *cache = MEM_NEW(struct zone_cache);

    cache->directory = mem_copy_text(directory != NULL ? directory : "/usr/share/zoneinfo");
    return cache;
}

void zone_cache_free(struct zone_cache *cache)
{
    if (cache == NULL)
        return;
    for (size_t i = 0; i < cache->n_entries; i++) {
        zone_free(cache->entries[i]->zone);
        zone_free(cache->entries[i]->retired);
        mem_free(cache->entries[i]);
    }
    mem_free(cache->entries);
    mem_free(cache->directory);
    mem_free(cache);
}

static bool is_name_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '+';
}

/** Return whether it is words of letters, digits, "_", "-" and "+" with one slash between two: so no
 *  name leads out of the directory, and no file has two names. */
static bool is_name(const char *name)
{
    bool is_word = false;
    size_t n = 0;

    for (; name[n] != '\0'; n++) {
        if (n == ZONE_NAME_MAX || (!is_name_char(name[n]) && (name[n] != '/' || !is_word)))
            return false;
        is_word = name[n] != '/';
    }
    return is_word;
}

/** Return where the entry is or belongs. */
static size_t find_entry(const struct zone_cache *cache, const char *name)
{
    size_t low = 0, high = cache->n_entries;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(cache->entries[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct zone *read_zone(int file, const char *name, const struct stat *stat, struct err *err)
{
    struct zone *zone = NULL;
    size_t size = (size_t)stat->st_size;
    char *bytes = mem_new(size + 1);
    ssize_t n = read(file, bytes, size);

    if (n < 0 || (size_t)n != size)
        err_set(err, ERR_INTERNAL, "cannot read the time zone %s: %s", name, strerror(errno));
    else
        zone = zone_new(bytes, size, err);
    mem_free(bytes);
    return zone;
}

/** Open a zone's file and look at it; -1 with the error, which tells a name that is none from a
 *  machine without zones. */
static int open_file(const struct zone_cache *cache, const char *name, struct stat *seen,
                     struct err *err)
{
    char path[PATH_SIZE];
    int n = snprintf(path, sizeof path, "%s/%s", cache->directory, name);
    int file = n < PATH_SIZE ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;

    if (file >= 0 && fstat(file, seen) == 0 && S_ISREG(seen->st_mode) && seen->st_size > 0 &&
        seen->st_size <= ZONE_FILE_MAX)
        return file;
    if (file >= 0)
        close(file);
    if (access(cache->directory, R_OK | X_OK) != 0)
        err_set(err, ERR_INTERNAL, "no time zones in %s (install tzdata)", cache->directory);
    else
        err_set(err, ERR_INVALID, "%s is not a time zone", name);
    return -1;
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/** Read the file of a zone that is there already, if it has changed. What cannot be read leaves the
 *  zone as it is: files are replaced while the process runs. */
static void look_again(struct zone_cache *cache, struct entry *entry, int64_t now_ms)
{
    struct err ignored = {0};
    struct stat seen;
    int file;

    if (now_ms >= entry->looked_at && now_ms - entry->looked_at < LOOK_EVERY_MS)
        return;
    entry->looked_at = now_ms;
    file = open_file(cache, entry->name, &seen, &ignored);
    if (file < 0)
        return;
    if (!is_same_file(&seen, &entry->seen)) {
        struct zone *zone = read_zone(file, entry->name, &seen, &ignored);

        if (zone != NULL) {
            zone_free(entry->retired);
            entry->retired = entry->zone;
            entry->zone = zone;
            entry->seen = seen;
        }
    }
    close(file);
}

static struct zone *add_entry(struct zone_cache *cache, const char *name, size_t at, int64_t now_ms,
                              struct err *err)
{
    struct entry *entry;
    struct zone *zone;
    struct stat seen;
    int file = open_file(cache, name, &seen, err);

    if (file < 0)
        return NULL;
    zone = read_zone(file, name, &seen, err);
    close(file);
    if (zone == NULL)
        return NULL;
    entry = MEM_NEW(struct entry);
    snprintf(entry->name, sizeof entry->name, "%s", name);
    entry->zone = zone;
    entry->looked_at = now_ms;
    entry->seen = seen;
    cache->entries = mem_resize(cache->entries, cache->n_entries + 1, sizeof *cache->entries);
    memmove(&cache->entries[at + 1], &cache->entries[at],
            (cache->n_entries - at) * sizeof *cache->entries);
    cache->entries[at] = entry;
    cache->n_entries++;
    return zone;
}

const struct zone *zone_cache_get(struct zone_cache *cache, const char *name, int64_t now_ms,
                                  struct err *err)
{
    size_t at;

    if (name == NULL || !is_name(name)) {
        err_set(err, ERR_INVALID, "that is not the name of a time zone");
        return NULL;
    }
    at = find_entry(cache, name);
    if (at == cache->n_entries || strcmp(cache->entries[at]->name, name) != 0)
        return add_entry(cache, name, at, now_ms, err);
    look_again(cache, cache->entries[at], now_ms);
    return cache->entries[at]->zone;
}
