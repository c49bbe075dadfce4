/* SPDX-License-Identifier: Apache-2.0 */
#include "core/mcp/inner.h"

#include <stdlib.h>
#include <string.h>

#include "codec/base64.h"
#include "crypto/crypto.h"

static uint64_t key_of(struct bytes id)
{
	uint8_t b[8];

	return hex_parse((struct bytes){ id.p, 16 }, b, sizeof b) == OK ? get_u64(b) : 0;
}

static struct session *oldest(const struct mcp *mcp)
{
	struct session *found = NULL, *session;
	size_t at = 0;

	while ((session = map_next(&mcp->sessions, &at)) != NULL)
		if (found == NULL || session->used < found->used)
			found = session;
	return found;
}

enum err session_new(struct mcp *mcp, const struct turn *turn, struct session **ret)
{
	struct session *session = calloc(1, sizeof *session);
	struct dynbuf text = { .p = NULL };
	uint8_t random[16];

	if (session == NULL)
		return FAULT_NOMEM;
	if (mcp->sessions.n >= SESSIONS_MAX)
		session_end(mcp, oldest(mcp));
	rng_fill(random, sizeof random);
	dynbuf_init(&text, 64);
	hex_print((struct bytes){ random, sizeof random }, &text);
	enum err err = dynbuf_err(&text);
	if (err == OK)
		memcpy(session->id, text.p, sizeof session->id - 1);
	dynbuf_done(&text);
	session->tenant = turn->permit.vault.tenant;
	session->vault = turn->permit.vault.id;
	session->agent = turn->permit.agent;
	session->used = turn->flow->boot;
	if (err == OK)
		err = map_put(&mcp->sessions, key_of(str(session->id)), session);
	if (err != OK) {
		free(session);
		return err;
	}
	*ret = session;
	return OK;
}

struct session *session_find(struct mcp *mcp, const struct turn *turn, struct bytes id)
{
	if (id.n != sizeof((struct session *)NULL)->id - 1)
		return NULL;
	struct session *session = map_find(&mcp->sessions, key_of(id));
	if (session == NULL || !ct_eq(id, str(session->id)) ||
	    !id_eq(session->vault, turn->permit.vault.id) ||
	    !id_eq(session->agent, turn->permit.agent) ||
	    !id_eq(session->tenant, turn->permit.vault.tenant))
		return NULL;
	if (turn->flow->boot > session->used + SESSION_IDLE_S * USEC_PER_S) {
		session_end(mcp, session);
		return NULL;
	}
	session->used = turn->flow->boot;
	return session;
}

void session_end(struct mcp *mcp, struct session *session)
{
	map_del(&mcp->sessions, key_of(str(session->id)));
	free(session);
}
