/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * proxy - a request of an agent's, made at the provider with the credential that
 * the agent does not get.
 *
 *   permit → which tool is it → policy → token fresh → limits → intent and
 *   release in one step of keeper → courier makes the call; its answer goes to
 *   the client past core → outcome
 *
 * A request is decided on as the tool that it is, or by the strictest of the rule
 * for raw requests and the decisions on all tools that it comes near. A provider
 * that said when to come back is left alone until then; one that refused the
 * token is asked once more after rejected.h has seen to it.
 */

#include "core/flow/permit.h"

/* Where a request under /proxy/ wants to go; borrows from the call's target. */
struct proxy_target {
	struct bytes service, account; /* account empty: the default one */
	struct bytes rest;	       /* path and query at the provider; begins with a slash */
};

/* /proxy/{service}[@{alias}]/{path…}. ERR_NO_ROUTE. */
must_check enum err proxy_split(struct bytes target, struct proxy_target *ret);

/* The result of a refusal. */
struct proxy_refusal {
	const struct permit_mend *mend;
	/* ERR_APPROVAL_REQUIRED of a request that is a tool's: the same as a call of the tool,
	 * which waits for a person; service, tool, account, arguments of one JSON object. Else
	 * empty. */
	struct bytes instead;
};

/* Answers through call->done when it refuses, with a struct proxy_refusal; else the client's answer
 * comes from courier. */
void proxy_begin(struct flow *flow, struct call *call);
