/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * policies - the versions of a vault's policy. One is in force; a draft waits
 * beside it. Going back to an old version publishes its text as a new one, so
 * that the numbers only grow and each event names the text that decided.
 */

#include "codec/yaml.h"
#include "core/flow/vaults.h"

/* What is wanted of a vault's policy, and what comes of it. */
struct policies_change {
	struct id vault;
	uint64_t version;	    /* to go back to */
	struct complaint complaint; /* what is wrong with the text */
	struct vault_row row;	    /* as it is afterwards */
};

/* Checks and keeps the draft; replaces an older one. ERR_NOT_FOUND, ERR_MALFORMED, ERR_TOO_LARGE
 *, ERR_CONFLICT (deleted) */
must_check enum err policies_draft(struct flow *flow, struct call *call, struct bytes yaml,
				   struct policies_change *change);
/* The draft comes into force and is a draft no more. ERR_NOT_FOUND (no draft either), ERR_CONFLICT
 * (another version came into force since it was written), ERR_MALFORMED (what it names is gone) */
must_check enum err policies_publish(struct flow *flow, struct call *call,
				     struct policies_change *change);
/* ERR_NOT_FOUND (the version either), ERR_CONFLICT (it is in force), ERR_MALFORMED */
must_check enum err policies_rollback(struct flow *flow, struct call *call,
				      struct policies_change *change);
