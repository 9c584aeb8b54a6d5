#include "common/service/footprint.h"

#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
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

/* One mapping of /proc/self/smaps: a line of addresses, then lines of figures. */
struct mapping {
    uintptr_t start, end;
    int is_file; /* and not writable */
};

static int read_mapping(const char *line, struct mapping *mapping)
{
    char rights[5], path[2];

    *mapping = (struct mapping){0};
    if (sscanf(line, "%lx-%lx %4s %*s %*s %*s %1s", &mapping->start, &mapping->end, rights, path) < 3)
        return 0;
    mapping->is_file = rights[1] == '-' && strchr(line, '/') != NULL;
    return 1;
}

void footprint_release(void)
{
    FILE *smaps = fopen("/proc/self/smaps", "r");
    struct mapping mapping = {0}, next;
    char line[512];

    malloc_trim(0);
    if (smaps == NULL)
        return;
    while (fgets(line, sizeof(line), smaps) != NULL) {
        unsigned long anonymous_kib;

        if (read_mapping(line, &next))
            mapping = next;
        else if (mapping.is_file && sscanf(line, "Anonymous: %lu kB", &anonymous_kib) == 1 &&
                 anonymous_kib == 0) /* no page of it was ever written: relocations were elsewhere */
            madvise((void *)mapping.start, mapping.end - mapping.start, MADV_DONTNEED);
    }
    fclose(smaps);
}
