#include "common/service/footprint.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* libcurl and libpq draw GnuTLS in, by way of LDAP and RTMP, which nobody here speaks. It looks for
 * this function before it spends 3 ms and 1 MiB on its start. Source: GnuTLS manual,
 * "Initialization". The linker exports it (Makefile). */
int _gnutls_global_init_skip(void); /* NOLINT(bugprone-reserved-identifier): its name, not ours */

int _gnutls_global_init_skip(void) /* NOLINT(bugprone-reserved-identifier) */
{
    return 1;
}

enum { LARGE_BYTES = 128 * 1024 };

/* Left alone, the thresholds grow with what is freed, and the heap keeps bodies of bulks for ever. */
void footprint_limit_heap(void)
{
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    mallopt(M_TRIM_THRESHOLD, LARGE_BYTES);
}

/* One mapping of /proc/self/smaps: a line of addresses, then lines of figures. */
struct mapping {
    char *start;
    size_t n_bytes;
    bool is_file; /* and not writable */
};

/* "7f01a000-7f02b000 r-xp 00001000 08:01 1234   /usr/lib/libx.so" */
static bool read_mapping(const char *line, struct mapping *mapping)
{
    void *start, *end;
    char rights[5];

    if (sscanf(line, "%p-%p %4s", &start, &end, rights) != 3)
        return false;
    mapping->start = start;
    mapping->n_bytes = (size_t)((char *)end - (char *)start);
    mapping->is_file = rights[1] == '-' && strchr(line, '/') != NULL;
    return true;
}

/* Whether no page of it was ever written: then it is on the disk as it is here. */
static bool is_clean(const char *line)
{
    static const char key[] = "Anonymous:";

    return strncmp(line, key, strlen(key)) == 0 && strtoul(line + strlen(key), NULL, 10) == 0;
}

void footprint_release(void)
{
    FILE *smaps = fopen("/proc/self/smaps", "re");
    struct mapping mapping = {0}, next = {0};
    char line[512];

    malloc_trim(0);
    if (smaps == NULL)
        return;
    while (fgets(line, sizeof(line), smaps) != NULL) {
        if (read_mapping(line, &next))
            mapping = next;
        else if (mapping.is_file && is_clean(line))
            madvise(mapping.start, mapping.n_bytes, MADV_DONTNEED);
    }
    fclose(smaps);
}
