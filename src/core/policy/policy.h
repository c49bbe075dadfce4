/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * policy - a vault's policy file, compiled and never changed afterwards, and the
 * decision over one use. Pure: no I/O, no clock; what is not permitted is denied.
 * docs/policy-file.md lists every key.
 *
 *  1. The most specific entry decides: exact tool, longest prefix.*, the
 *     service's default, block. Lookup never falls through to a wider entry.
 *  2. A use whose rule asks for something that is not known (whether the
 *     repository is public, where the agent is) gets the stricter of `effect` and
 *     `else`.
 *  3. A decision allocates nothing, and its cost is bounded by the file.
 */

#include "codec/doc.h"
#include "codec/yaml.h"
#include "core/policy/zones.h"
#include "model/rows.h"

enum {
	POLICY_SERVICES_MAX = 64,
	POLICY_CONDITIONS_MAX = 16, /* of one rule */
	POLICY_VALUES_MAX = 256,    /* of one `in` */
	POLICY_NETWORKS_MAX = 64,
	POLICY_LIMITS_MAX = 32,
	POLICY_TOOL_MAX = 128,
	POLICY_RESOURCES_MAX = 4,
};

struct policy;

/* What a file may name. */
enum policy_name {
	POLICY_NAME_SERVICE,
	POLICY_NAME_TOOL,     /* exactly */
	POLICY_NAME_TOOLS,    /* at least one begins like this; ends with a dot */
	POLICY_NAME_RESOURCE, /* a kind of resource that a tool of the service has */
};

/* @name is empty for a service. ERR_NOT_FOUND */
typedef enum err (*policy_known_fn)(void *ctx, enum policy_name what, struct bytes service,
				    struct bytes name);

struct policy_terms {
	const struct zones *zones; /* outlives the policy; NULL: only UTC */
	policy_known_fn known;	   /* NULL: names are not looked up */
	void *ctx;
};

/* @terms may be NULL. ERR_MALFORMED, ERR_TOO_LARGE; @complaint is then filled. */
must_check enum err policy_compile(struct bytes text, const char *file,
				   const struct policy_terms *terms, struct complaint *complaint,
				   struct policy **ret);
void policy_free(struct policy **policyp);

struct bytes policy_name(const struct policy *policy);
/* The n-th service id of the file, in its order, or NULL. */
const char *policy_service_at(const struct policy *policy, size_t n);
/* When a vault that got this policy at @now ends; 0: never. */
usec_t policy_expires(const struct policy *policy, usec_t now);

/* From open to strict, as two of them are compared. */
enum policy_effect { POLICY_ALLOW = 1, POLICY_APPROVE, POLICY_STEP_UP, POLICY_BLOCK };
const char *policy_effect_name(enum policy_effect effect);

enum policy_class { POLICY_CLASS_UNKNOWN, POLICY_READ, POLICY_WRITE, POLICY_DESTRUCTIVE };
enum policy_context { POLICY_CONTEXT_UNKNOWN, POLICY_PUBLIC, POLICY_PRIVATE };

struct policy_resource {
	struct bytes kind, id; /* id empty: not known */
};

struct policy_use {
	struct bytes service, tool; /* tool empty: a raw request that matches none */
	enum policy_class class;    /* of a raw request; unknown is taken for a write */
	const struct doc *args;	    /* NULL: not known */
	struct policy_resource resources[POLICY_RESOURCES_MAX];
	size_t resources_n;
	enum policy_context context;
	const uint8_t *address; /* 16 bytes, IPv4 as ::ffff:a.b.c.d; NULL: not known */
	usec_t now;
};

struct policy_verdict {
	enum policy_effect effect;
	const char *reason; /* one sentence, static */
	unsigned line;	    /* of the rule that decided; 0: there is none */
	unsigned when_line; /* of the condition that did not hold or is not known; 0: none */
	struct bytes rule;  /* as the file writes it: "issues.*", "default", "proxy" */
	bool by_else;	    /* a condition does not hold */
	bool unsure;	    /* what a condition asks for is not known */
	usec_t again;	    /* when the time window opens next, where that is the reason; 0 */
};

/* OK for allow, approve and step_up; @ret is filled whatever the answer. ERR_DENIED (block) */
must_check enum err policy_decide(const struct policy *policy, const struct policy_use *use,
				  struct policy_verdict *ret);
/* Does the rule ask whether the resource is public? Then the caller finds out before it decides. */
bool policy_needs_context(const struct policy *policy, struct bytes service, struct bytes tool);
/* Could any use of it be other than blocked? For lists. */
bool policy_shows(const struct policy *policy, struct bytes service, struct bytes tool);

enum policy_per { POLICY_PER_VAULT = 1, POLICY_PER_TOOL, POLICY_PER_USER };

/* One counter that a use spends from. Its identity is everything but max and amount. */
struct policy_limit {
	enum policy_per per;
	bool budget;
	struct bytes tool;    /* as the file filters, "github.issues.*"; empty: any */
	struct bytes counted; /* a budget's pointer into the arguments; empty: uses */
	usec_t window;	      /* 0: without end */
	uint64_t max, amount; /* amount UINT64_MAX: what is counted cannot be read, nothing fits */
	unsigned line;
};

/* The counters in the order of the file; answers how many. A counter per tool is one for each
 * service and tool of @use. */
size_t policy_limits(const struct policy *policy, const struct policy_use *use,
		     struct policy_limit ret[static POLICY_LIMITS_MAX]);

struct policy_facts {
	struct bytes service;
	struct bytes asked;   /* separated by spaces; empty: all that policy and grant permit */
	struct bytes granted; /* separated by spaces; looked at if granted_known */
	bool granted_known;
	const uint8_t *address; /* as in policy_use */
	usec_t now;
};

struct policy_decision {
	enum policy_effect effect;
	const char *reason;		    /* one sentence, static */
	unsigned line;			    /* of the rule that decided; 0: no rule is the reason */
	unsigned when_line;		    /* as in policy_verdict */
	bool unsure;			    /* likewise */
	char scopes[SCOPES_MAX_BYTES + 1];  /* asked and permitted and granted, sorted */
	char missing[SCOPES_MAX_BYTES + 1]; /* with ERR_INSUFFICIENT_SCOPE: asked and permitted */
};

/*
 * May the provider's own token be lent? @ret is filled whatever the answer.
 *   ERR_INVALID_TARGET      the policy does not name the service
 *   ERR_DENIED              it does, and does not allow this
 *   ERR_INVALID_SCOPE       a scope asked for is malformed, or none of them is permitted
 *   ERR_INSUFFICIENT_SCOPE  permitted, and not granted by the account: @ret->missing
 * Where only some of the scopes asked for are permitted and granted the answer is OK with those.
 */
must_check enum err policy_decide_exchange(const struct policy *policy,
					   const struct policy_facts *facts,
					   struct policy_decision *ret);
