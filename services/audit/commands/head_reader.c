#include "services/audit/commands/head_reader.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/mem.h"

enum { LINE_BYTES_MAX = 1024 };

void head_reader_init(struct head_reader *reader)
{
    *reader = (struct head_reader){0};
}

void head_reader_clear(struct head_reader *reader)
{
    if (reader->file != NULL)
        fclose(reader->file);
    for (size_t i = 0; i < reader->n_paths; i++)
        mem_free(reader->paths[i]);
    mem_free(reader->paths);
    head_reader_init(reader);
}

bool head_reader_add_key(struct head_reader *reader, const char *base64, struct err *err)
{
    if (reader->n_keys == HEAD_READER_KEYS_MAX)
        return err_set(err, ERR_INVALID, "more than %d public keys", HEAD_READER_KEYS_MAX);
    if (!head_line_read_public_key(base64, reader->public_keys[reader->n_keys], err))
        return false;
    reader->n_keys++;
    return true;
}

static void add_file(struct head_reader *reader, const char *directory, const char *name)
{
    struct buf path;

    buf_init(&path);
    buf_format(&path, "%s%s%s", directory, directory[0] != '\0' ? "/" : "", name);
    reader->paths = mem_resize(reader->paths, reader->n_paths + 1, sizeof(reader->paths[0]));
    reader->paths[reader->n_paths++] = mem_copy_text(buf_text(&path));
    buf_clear(&path);
}

static int is_head_file(const struct dirent *entry)
{
    static const char ending[] = ".jsonl";
    size_t n = strlen(entry->d_name);

    return n >= sizeof(ending) && strcmp(entry->d_name + n - (sizeof(ending) - 1), ending) == 0;
}

bool head_reader_add_path(struct head_reader *reader, const char *path, struct err *err)
{
    struct dirent **entries = NULL;
    struct stat status;
    int n_entries;

    if (stat(path, &status) != 0)
        return err_set(err, ERR_INVALID, "%s: %s", path, strerror(errno));
    if (!S_ISDIR(status.st_mode)) {
        add_file(reader, "", path);
        return true;
    }
    n_entries = scandir(path, &entries, is_head_file, alphasort);
    if (n_entries < 0)
        return err_set(err, ERR_INVALID, "%s: %s", path, strerror(errno));
    for (int i = 0; i < n_entries; i++) {
        add_file(reader, path, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return n_entries > 0 || err_set(err, ERR_INVALID, "%s: there is no *.jsonl in it", path);
}

/** Read one line without its end into `text`; a longer one is cut. Return false at the file's end. */
static bool read_line(FILE *file, char text[LINE_BYTES_MAX], size_t *n_bytes)
{
    int c = getc(file);

    *n_bytes = 0;
    if (c == EOF)
        return false;
    for (; c != EOF && c != '\n'; c = getc(file))
        if (*n_bytes < LINE_BYTES_MAX)
            text[(*n_bytes)++] = (char)c;
    return true;
}

static bool is_signed(const struct head_reader *reader, const struct head_line *line)
{
    for (size_t i = 0; i < reader->n_keys; i++)
        if (head_line_is_signed(line, reader->public_keys[i]))
            return true;
    return false;
}

static void take_line(struct head_reader *reader, const char *text, size_t n_bytes,
                      struct walk_lines *lines, struct findings *findings)
{
    struct head_line *line = &lines->items[lines->n_items];
    const char *path = reader->paths[reader->path];
    struct err err = {0};

    reader->line++;
    if (!head_line_read(text, n_bytes, line, &err)) {
        findings_add(findings, FINDING_WARNING, NULL, 0, "%s line %" PRId64 " is no head: %s", path,
                     reader->line, err.text);
        return;
    }
    reader->n_lines++;
    if (is_signed(reader, line))
        lines->n_items++;
    else
        findings_add(findings, FINDING_FAULT, &line->owner_id, line->number,
                     "%s line %" PRId64 " is not signed with the given key", path, reader->line);
}

static bool open_next(struct head_reader *reader, struct err *err)
{
    const char *path = reader->paths[reader->path];

    reader->file = fopen(path, "re");
    reader->line = 0;
    return reader->file != NULL || err_set(err, ERR_INVALID, "%s: %s", path, strerror(errno));
}

bool head_reader_next(struct head_reader *reader, struct walk_lines *lines,
                      struct findings *findings, struct err *err)
{
    char text[LINE_BYTES_MAX];
    size_t n_bytes;

    lines->n_items = 0;
    while (lines->n_items < WALK_LINES_MAX && reader->path < reader->n_paths) {
        if (reader->file == NULL && !open_next(reader, err))
            return false;
        if (read_line(reader->file, text, &n_bytes)) {
            take_line(reader, text, n_bytes, lines, findings);
            continue;
        }
        if (ferror(reader->file))
            return err_set(err, ERR_INVALID, "%s: cannot be read", reader->paths[reader->path]);
        fclose(reader->file);
        reader->file = NULL;
        reader->path++;
    }
    return true;
}
