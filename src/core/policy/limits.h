/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* limits - how much may be used: rates in a sliding window, and budgets. */

#include "core/policy/reader.h"

struct limit {
	enum policy_per per;
	bool budget, prefix;
	struct bytes filter;	    /* as the file writes it; empty: any use */
	struct bytes service, tool; /* of the filter; tool empty: any of the service */
	struct bytes counted;
	usec_t window;
	uint64_t max;
	unsigned line;
};

struct limits {
	size_t n;
	struct limit at[POLICY_LIMITS_MAX];
};

must_check enum err limits_read(const struct reader *r, const struct yaml_node *list,
				struct limits *ret);
size_t limits_find(const struct limits *limits, const struct policy_use *use,
		   struct policy_limit ret[static POLICY_LIMITS_MAX]);
