/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * redirect - the addresses that an authorization may be answered to (OAuth 2.1,
 * RFC 8252 7, RFC 9700 2.1).
 *
 *  1. What is asked for is compared byte for byte with what was registered. The
 *     one exception is the port of a loopback address (RFC 8252 7.3).
 *  2. https anywhere, http on the loopback alone, and schemes that a program of
 *     the user's own has claimed. Never a scheme that a browser gives a meaning
 *     of its own, never a fragment, never userinfo.
 */

#include "base/bytes.h"

enum { REDIRECT_TEXT_MAX = 512 };

enum redirect_by {
	/* Who registers itself may claim only a scheme of a private domain (com.example.app:/x, RFC
	 * 8252 7.1) or one whose authority names its owner (editor://publisher.extension/x). */
	REDIRECT_BY_CLIENT = 1,
	REDIRECT_BY_OPERATOR,
};

/* Whether it may be registered. ERR_MALFORMED */
must_check enum err redirect_check(struct bytes uri, enum redirect_by by);
/* Whether @asked is answered to where @registered is what the client has registered. */
bool redirect_allowed(struct bytes registered, struct bytes asked);
/* http on 127.0.0.1, [::1] or localhost: the consent page warns when there is nothing else. */
bool redirect_is_loopback(struct bytes uri);
/* What the consent page names: the host with a port that is not the scheme's own, or the scheme of
 * a private one. Borrowed. */
struct bytes redirect_shown(struct bytes uri);
