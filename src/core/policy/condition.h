/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * condition - one line of `when`: an argument, a resource, public or private, a
 * time window, networks.
 */

#include "core/policy/match.h"
#include "core/policy/network.h"
#include "core/policy/window.h"

enum condition_kind {
	CONDITION_ARG = 1,
	CONDITION_RESOURCE,
	CONDITION_CONTEXT,
	CONDITION_TIME,
	CONDITION_NETWORKS,
};

struct networks {
	size_t n;
	struct network *at;
};

struct condition {
	enum condition_kind kind;
	unsigned line;
	struct bytes name; /* pointer of an argument, kind of a resource */
	struct match match;
	enum policy_context context;
	size_t windows_n;
	struct window *windows;
	struct networks networks;
};

/* @facts: whether arguments, resources and context may be asked for. */
must_check enum err condition_read(const struct reader *r, const struct yaml_node *node, bool facts,
				   struct condition *ret);
void condition_done(struct condition *condition);
enum truth condition_test(const struct condition *condition, const struct policy_use *use);
/* A sentence for a condition that does not hold or, if @unsure, is not known. */
const char *condition_says(enum condition_kind kind, bool unsure);

must_check enum err condition_networks_read(const struct reader *r, const struct yaml_node *list,
					    struct networks *ret);
enum truth condition_networks_test(const struct networks *networks, const uint8_t *address);
