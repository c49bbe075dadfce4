/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * toolcase - what is to be known of a tool call before it may leave: the rows of
 * vault and account, the tool, its arguments and what the policy says of them.
 * Nothing here outlives the batch.
 */

#include "core/catalog/service.h"
#include "core/flow/permit.h"
#include "core/policy/policy.h"

struct toolcase_ask {
	struct id tenant, vault;
	struct bytes origin; /* the address, 16 bytes; empty: not known */
	struct bytes service, tool, account, arguments;
	bool context_known; /* it was asked for, and this is what came of it */
	enum policy_context context;
};

struct toolcase {
	struct permit *permit;
	const struct service *service;
	const struct service_tool *tool;
	uint8_t definition[32]; /* hash of the service file */
	struct doc args;
	struct dynbuf ids; /* of the resources in use */
	struct policy_use use;
	/* The rule asks whether these are public: find out, and look again. There is no verdict
	 * then. */
	const struct service_resource *wants[SERVICE_TOUCHES_MAX];
	size_t wants_n;
	struct policy_verdict verdict;
	char why[640]; /* what is wrong with the arguments, or why the policy refuses */
};

/* Fills @ret as far as it comes, @permit with it. ERR_NOT_FOUND (no such tool for this vault),
 * ERR_INVALID_ARGUMENTS, ERR_DENIED, ERR_INSUFFICIENT_SCOPE and what permit.h answers.
 * The caller ends *@ret with toolcase_done(). */
must_check enum err toolcase_look(struct flow *flow, const struct toolcase_ask *ask,
				  struct permit *permit, struct toolcase *ret);
/* The resources of @tool that can be asked for, each once: how many, and the @n-th (or NULL). */
size_t toolcase_resources(const struct service_tool *tool, size_t n,
			  const struct service_resource **ret);
void toolcase_done(struct toolcase *c);
