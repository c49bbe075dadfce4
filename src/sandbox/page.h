/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* page - the sandbox's HTML. Every page carries the same banner: nobody may take it for a provider.
 */

#include "base/dynbuf.h"

/* Appends @text with & < > " ' escaped. */
void page_escape(struct dynbuf *to, struct bytes text);
/* Begins and ends a page. */
void page_head(struct dynbuf *to, const char *title);
void page_foot(struct dynbuf *to);
/* <input type=hidden>, both escaped. */
void page_hidden(struct dynbuf *to, const char *name, struct bytes value);
