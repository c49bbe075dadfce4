/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * totp - a user's authenticator (RFC 6238: SHA-1, six digits, thirty seconds, as
 * all authenticators know them). The codes of the step before and after the
 * present one are taken too (5.2); a step that was used, and any before it, is
 * not taken again (5.2), also not in a database that was put back.
 */

#include "core/flow/flow.h"

enum { TOTP_SECRET_LEN = 20, TOTP_SECRET_TEXT = 32, TOTP_URI_MAX = 1024 };

struct totp_new {
	char secret[TOTP_SECRET_TEXT + 1]; /* base32 */
	char uri[TOTP_URI_MAX];		   /* otpauth:, for a QR code; wipe both after use */
};

/* A new secret for a local user; an earlier one stops working. ERR_NOT_FOUND */
must_check enum err totp_enrol(struct flow *flow, struct call *call, struct bytes subject,
			       struct totp_new *ret);

/* Uses up a code. ERR_STEP_UP_REQUIRED (no code, or no authenticator), ERR_WRONG_CODE,
 * ERR_RATE_LIMITED (too many wrong ones) */
must_check enum err totp_spend(struct flow *flow, struct id tenant, struct id user,
			       struct bytes code);

/* The code of @step for @secret: RFC 4226 5.3. FAULT_CRYPTO */
must_check enum err totp_code(struct bytes secret, uint64_t step, char ret[static 7]);
