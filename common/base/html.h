/* common/base/html.h — text in pages and mails. */
#ifndef COMMON_BASE_HTML_H
#define COMMON_BASE_HTML_H

#include "common/base/buf.h"

/** Append `text` escaped for HTML text and for attributes in quotes, double or single. */
void html_add_text(struct buf *out, const char *text);

#endif
