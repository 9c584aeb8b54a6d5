#include "services/websocket/domain/recent_seqs.h"

#include <string.h>

#include "common/base/mem.h"
#include "services/websocket/domain/uuid_hash.h"

struct entry {
    struct uuid user;
    int64_t seq; /* 0: free */
};

struct recent_seqs {
    size_t n_entries;
    struct entry *entries; /* by hash, one user each */
};

struct recent_seqs *recent_seqs_new(size_t n_users)
{
    struct recent_seqs *recent = MEM_NEW(struct recent_seqs);

    recent->n_entries = n_users;
    recent->entries = mem_new_array(n_users, sizeof(struct entry));
    return recent;
}

void recent_seqs_free(struct recent_seqs *recent)
{
    if (!recent)
        return;
    mem_free(recent->entries);
    mem_free(recent);
}

static struct entry *entry_of(const struct recent_seqs *recent, const struct uuid *user)
{
    return &recent->entries[uuid_hash(user) % recent->n_entries];
}

void recent_seqs_note(struct recent_seqs *recent, const struct uuid *user, int64_t seq)
{
    struct entry *entry = entry_of(recent, user);

    if (strcmp(entry->user.text, user->text) != 0)
        *entry = (struct entry){.user = *user};
    if (seq > entry->seq)
        entry->seq = seq;
}

int64_t recent_seqs_find(const struct recent_seqs *recent, const struct uuid *user)
{
    const struct entry *entry = entry_of(recent, user);

    return strcmp(entry->user.text, user->text) == 0 ? entry->seq : 0;
}
