/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * offers - what a remote MCP server lists, beside what a person has accepted of
 * it. Both stand in the service's own file (docs/upstream.md), so that policies,
 * lists, calls and approvals know nothing but a file that has changed.
 *
 *   not accepted yet: new   accepted and listed as then: live
 *   listed otherwise now: changed   not listed any more: gone
 *
 * Only what is live is there for agents. What one list puts aside, the same list
 * as before brings back; nothing else does but a person.
 */

#include "core/flow/flow.h"
#include "core/upstream/definition.h"

enum { OFFERS_MAX = 128, OFFERS_BYTES_MAX = 256 * 1024, OFFERS_FILE_MAX = 1024 * 1024 };

/* A list under way, page by page. */
struct offers {
	struct definition *at;
	size_t n, bytes;
	unsigned refused; /* names or definitions that cannot be taken */
	bool cut;	  /* there is more than we take */
};

void offers_done(struct offers *offers);
/* Takes what is in @tools. ERR_PROVIDER_REFUSED: it is no list. */
must_check enum err offers_page(struct offers *offers, const struct doc *doc, uint32_t tools);
/* Holds them against the file of @service, in a transaction of its own within the batch, and writes
 * it where something is another state now. */
must_check enum err offers_store(struct flow *flow, struct id tenant, const char *service,
				 struct offers *offers);

struct offers_pick {
	struct bytes name, pin; /* the very definition that was looked at */
};
/* What is offered becomes what is accepted. ERR_NOT_FOUND (no such service, or tool), ERR_CONFLICT
 * (it is another definition by now) */
must_check enum err offers_accept(struct flow *flow, struct call *call, struct bytes service,
				  const struct offers_pick *picks, size_t n);
/* The tools of the file @old, put into the file @new: nothing that was accepted is lost when a
 * server is added again. */
must_check enum err offers_carry(struct bytes old, struct dynbuf *new);
