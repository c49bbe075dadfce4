/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * explain - what a vault's policy says of a use, and why; and what another one
 * would have said of the uses in the log. Nothing is spent and nothing is
 * written down.
 */

#include "codec/doc.h"
#include "codec/yaml.h"
#include "core/flow/flow.h"
#include "core/policy/policy.h"

struct explain_request {
	struct id vault;
	struct bytes tool;	/* "github.issues.comment"; "github" alone: a raw request */
	const struct doc *args; /* NULL: not known */
	enum policy_class class;
	enum policy_context context;
	usec_t now; /* 0: now */
};

struct explain_limit {
	struct policy_limit limit;
	uint64_t spent;
};

struct explain {
	struct vault_row vault;
	struct policy_verdict verdict;
	struct policy_row policy; /* its text, to show the line */
	bool shows;		  /* the agent sees the tool in its list */
	size_t limits_n;
	struct explain_limit limits[POLICY_LIMITS_MAX];
	struct dynbuf ids; /* of the resources that the tool reaches */
	struct policy_use use;
};

/* The caller ends *@ret with explain_done(), whatever the answer. ERR_NOT_FOUND (the vault, or a
 * service or tool that the catalogue does not have), ERR_MALFORMED */
must_check enum err explain_use(struct flow *flow, struct call *call,
				const struct explain_request *request, struct explain *ret);
void explain_done(struct explain *explain);

enum { REPLAY_GROUPS_MAX = 512 };

/* Uses that were decided alike. "permitted": not refused, but only the arguments say which effect
 * it was; "depends": on what the log does not hold. */
struct replay_group {
	uint8_t kind; /* enum event_kind */
	char service[SERVICE_MAX_BYTES + 1], tool[POLICY_TOOL_MAX + 1];
	const char *was, *would;
	uint64_t n;
	usec_t first, last;
};

struct replay {
	uint64_t events; /* looked at */
	uint64_t after;	 /* the next page begins behind this seq; 0: it was the last */
	size_t n;
	struct replay_group *groups; /* REPLAY_GROUPS_MAX; the caller's */
	struct complaint complaint;
};

struct replay_request {
	struct id vault;
	struct bytes yaml;
	usec_t from;
	uint64_t after;
};

/* One page of events. ERR_NOT_FOUND, ERR_MALFORMED, ERR_TOO_LARGE (@ret->complaint says why) */
must_check enum err explain_replay(struct flow *flow, struct call *call,
				   const struct replay_request *request, struct replay *ret);
