/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * errand - a call to a provider as courier takes it: what core/oauth has made
 * of the service file, with the sealed values that belong into it.
 */

#include "core/flow/ask.h"
#include "core/oauth/provider.h"
#include "core/oauth/reply.h"

struct errand {
	struct provider_call call;
	struct dynbuf headers, placements, cuts;
	struct ask_item items[IPC_ITEMS_MAX];
	size_t items_n;
};

void errand_done(struct errand *errand);

/* Where new tokens are sealed for, and who is told. */
struct errand_home {
	const struct connection_row *row; /* tenant, user and id */
	uint64_t version;
	adopt_done_fn done;
	void *journey;
};

/* Beside its variables a connection knows until when it can be refreshed at all (0: not known),
 * under a name that no variable has. */
void errand_ends_set(json_t *variables, usec_t ends);
usec_t errand_ends(const json_t *variables);
/* The user has consented now, and the reply says @said (0: nothing). */
void errand_ends_begin(json_t *variables, const struct service *service, usec_t said, usec_t now);
/* Until when it can be refreshed if that was done now. 0: nothing new is known. */
usec_t errand_ends_next(const json_t *variables, const struct service *service, usec_t said,
			usec_t now);

/* A row's variables; an empty object where it has none. NULL: no memory. */
json_t *errand_variables(const struct connection_row *row);

/* Who may be asked for, and with which secrets; each value is NULL or empty where there is none. */
struct errand_secrets {
	const struct client_row *client;
	const struct connection_row *connection;
};

/* Turns @errand->call into the rest; then ask_begin() by errand_begin().
 * ERR_CONFLICT: a secret that the call needs is not there. */
must_check enum err errand_pack(struct errand *errand, const struct errand_secrets *secrets);

/* Stages it. @attempt none: courier does not keep the answer. The errors of ask_begin(). */
must_check enum err errand_begin(struct flow *flow, const struct errand *errand, struct id attempt,
				 const struct ipc_record *record, ask_done_fn done, void *journey);

/* What a call to the API of a connection's service carries. */
struct errand_api {
	struct dynbuf placements;
	struct ask_item items[IPC_ITEMS_MAX];
	size_t items_n;
};
/* @url gains what a credential in the query needs. The caller ends @ret->placements, also after a
 * failure. ERR_CONFLICT, ERR_NO_CLIENT: a secret that the call needs is not there. */
must_check enum err errand_api(struct flow *flow, const struct service *service,
			       const struct connection_row *row, struct dynbuf *url,
			       struct errand_api *ret);

/* The answer in the terms of reply.h. @asked: the scopes an answer without scope means. @begun:
 * when the call was; a token's life counts from there, for its answer may have waited for us. */
void errand_reply(const struct service *service, const struct ask_answer *answer, bool refresh,
		  struct bytes asked, usec_t begun, struct reply *ret);

/* Seals the found tokens of @answer for the connection's @version, with where they may go: the
 * origins of service_hosts() that follow from @variables, the connection's own. */
must_check enum err errand_adopt(struct flow *flow, const struct service *service,
				 const json_t *variables, const struct ask_answer *answer,
				 const struct errand_home *home);
