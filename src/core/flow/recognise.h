/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * recognise - which tool a raw request is, and what the policy says of it.
 */

#include "core/flow/permit.h"
#include "core/policy/policy.h"
#include "core/tools/match.h"

enum { RECOGNISE_HEADERS_MAX = 100 };

struct recognised {
	const struct service *service;
	struct tools_found found;
	struct doc args, variables;
	struct dynbuf headers;	 /* list of header: those that go on to the provider */
	struct dynbuf resources; /* texts of use.resources */
	struct policy_use use;	 /* borrows from the rest */
	bool asks; /* the verdict hangs on whether it is public, which may be found out */
};

void recognised_done(struct recognised *found);

/* The service, if the vault's policy names it. ERR_INVALID_TARGET. */
must_check enum err recognise_service(struct flow *flow, const struct permit *permit,
				      struct bytes service, const struct service **ret);
/* @rest: path and query at the provider. The caller ends *@ret in any case. The errors of
 * tools_match(). */
must_check enum err recognise(const struct service *service, const struct call *call,
			      const struct permit *permit, struct bytes rest,
			      struct recognised *ret);
/* ERR_DENIED, ERR_APPROVAL_REQUIRED, ERR_INSUFFICIENT_SCOPE (the scopes in permit->mend). */
must_check enum err recognise_decide(struct flow *flow, struct permit *permit,
				     struct recognised *found);
