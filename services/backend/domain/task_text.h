/* services/backend/domain/task_text.h — titles and tags as people mean them: without white space
 * around, and the same whatever their case. Texts are valid UTF-8. */
#ifndef SERVICES_BACKEND_DOMAIN_TASK_TEXT_H
#define SERVICES_BACKEND_DOMAIN_TASK_TEXT_H

#include <stdbool.h>

#include "common/base/arena.h"
#include "common/json/json_field.h"

/** Return `text` without Unicode's white space at both ends, in the arena. */
char *task_text_trim(const char *text, struct arena *arena);

/** Return whether none of Unicode's line ends is in `text`. */
bool task_text_is_one_line(const char *text);

/** Return `text` with every letter in lower case, in the arena. Source: Unicode, CaseFolding.txt,
 *  simple folding, of the alphabets in living use. */
char *task_text_fold(const char *text, struct arena *arena);

/** Return the fold of each text, in order. */
struct json_texts task_text_fold_all(const struct json_texts *texts, struct arena *arena);

#endif
