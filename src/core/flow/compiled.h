/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * compiled - policies and service files in compiled form, by the hash of their
 * text. What is compiled never changes; which version is in force is read from
 * the store every time. The table is bounded: the slot of a hash is taken over
 * by the next text that falls into it.
 */

#include "core/flow/flow.h"

struct policy;
struct service;
struct complaint;

must_check enum err compiled_new(struct compiled **ret);
void compiled_free(struct compiled **compiledp);

/* The policy in force. Borrowed until the next call of this header. */
must_check enum err compiled_policy(struct flow *flow, const struct vault_row *vault,
				    const struct policy **ret);
/* Compiles what a client sent; services, tools and resources that it names must be there. The file
 * is called "policy" in complaints. ERR_MALFORMED, ERR_TOO_LARGE (@complaint says where) */
must_check enum err compiled_policy_text(struct flow *flow, struct id tenant, struct bytes yaml,
					 struct complaint *complaint, const struct policy **ret);
/* The same as an object of the caller's own. */
must_check enum err compiled_policy_new(struct flow *flow, struct id tenant, struct bytes yaml,
					struct complaint *complaint, struct policy **ret);
/* The tenant's own file of that service, else the built-in one. ERR_NOT_FOUND. Borrowed likewise.
 */
must_check enum err compiled_service(struct flow *flow, struct id tenant, struct bytes service,
				     const struct service **ret);
/* SHA-256 of the text of that file: what the tools of a service are bound to. */
must_check enum err compiled_service_hash(struct flow *flow, struct id tenant, struct bytes service,
					  uint8_t ret[static 32]);
must_check enum err compiled_service_text(struct flow *flow, struct bytes yaml, const char *file,
					  struct complaint *complaint, const struct service **ret);
