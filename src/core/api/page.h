/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * page - the few HTML pages of core: plain, without script, readable without
 * style. Every text that is not ours is escaped, with control and direction
 * characters made visible.
 */

#include "core/flow/flow.h"

/* Starts a document in the call's body; @title is ours. */
void page_begin(struct call *call, const char *title);
/* Escapes; U+0000 to U+001F, U+007F to U+009F, bidi and zero-width characters show as [U+XXXX]. */
void page_text(struct call *call, struct bytes text);
/* The value of one cookie; p = NULL: it did not come. */
struct bytes page_cookie(const struct call *call, const char *name);
/* Our own markup. */
void page_raw(struct call *call, const char *html);
/* Ends the document and answers. */
void page_end(struct flow *flow, struct call *call, unsigned status);
/* The same for a page whose form leads on to another origin: browsers apply form-action to
 * redirects. */
void page_end_to(struct flow *flow, struct call *call, unsigned status, struct bytes target);
/* The one style sheet. */
struct bytes page_style(void);
/* A whole page of one heading and sentences: what happened, what to do. */
void page_message(struct flow *flow, struct call *call, unsigned status, const char *title,
		  const char *what, const char *mend);
