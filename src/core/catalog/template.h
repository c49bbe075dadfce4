/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * template - a text of a tool with {places} in it, taken apart. The forms of a
 * place, as docs/service-file.md lists them:
 *
 *   {name}        an argument of the tool, or a variable of the connection
 *   {+name}       in a path: an argument of several segments
 *   {!name}       in a path: an argument of one segment in which slashes are encoded
 *   {1.path}      from the answer to the first request
 *   {@now} {@today} {@tomorrow} {@now+name}   a time; name: an argument, in days
 *   {mail}        the message that the request's `mail` describes
 */

#include "base/bytes.h"

enum template_kind {
	TEMPLATE_LITERAL = 1,
	TEMPLATE_NAME,
	TEMPLATE_SEGMENTS,
	TEMPLATE_ENCODED,
	TEMPLATE_ANSWER,
	TEMPLATE_NOW,
	TEMPLATE_TODAY,
	TEMPLATE_TOMORROW,
	TEMPLATE_NOW_PLUS,
};

struct template_part {
	enum template_kind kind;
	struct bytes text; /* the literal, the name, or the path into the answer */
	unsigned step;	   /* of TEMPLATE_ANSWER, from 1 */
};

/* Takes the next part off @rest, which must not be empty. ERR_MALFORMED: a brace that is no place.
 */
must_check enum err template_next(struct bytes *rest, struct template_part *ret);
/* Whether @text is one place and nothing else; @ret is then that place. */
bool template_single(struct bytes text, struct template_part *ret);
