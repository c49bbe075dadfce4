/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* client - who asks at our own token endpoint: RFC 6749 2.3.1, one method at a time. */

#include "codec/form.h"

enum { CLIENT_TEXT_MAX = 1024 };

struct client_proof {
	struct bytes id;     /* p = NULL: no client was named */
	struct bytes secret; /* p = NULL: none was given */
	struct bytes
		assertion; /* a JWT under the client's own key (RFC 7523 2.2); p = NULL: none */
	bool basic;	   /* then a refusal carries WWW-Authenticate: Basic (6749 5.2) */
	uint8_t room[CLIENT_TEXT_MAX];
};

/* @authorization is the header's value, or p = NULL. Borrows from @form and from itself: not to be
 * copied. Wiped by client_proof_done(). @ret->basic is set also after a failure.
 * ERR_MALFORMED (two methods at once; a parameter twice), ERR_INVALID_CLIENT (a header that is no
 * Basic credential). */
must_check enum err client_proof_read(struct bytes authorization, const struct form *form,
				      struct client_proof *ret);
void client_proof_done(struct client_proof *proof);
