/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* inner - what the files of this folder share. */

#include "core/flow/permit.h"
#include "core/flow/toolcall.h"
#include "core/mcp/era.h"
#include "core/mcp/mcp.h"

enum {
	SESSIONS_MAX = 16384,
	SESSION_IDLE_S = 24 * 3600,
	STREAMS_MAX = 16384,
	STREAMS_OF_VAULT_MAX = 32,
	HELD_MAX = 65536,
	PROGRESS_EVERY_S = 10,
	LEG_S = 50,	  /* clients give up after 60 s, unless they follow progress */
	FOLLOWED_S = 280, /* less than an approval lives */
	MESSAGE_MAX = 4 * 1024 * 1024,
};

struct session {
	char id[33];
	struct id tenant, vault, agent;
	bool asks_by_url;
	usec_t used; /* boot clock */
};

/* A stream that stays open for what the server has to say: GET, or subscriptions/listen. */
struct stream {
	struct stream *next, *prev;
	struct call *call;
	struct id tenant, vault;
	uint64_t policy_version;
	struct buf *id; /* of the listen request, as JSON; NULL: a legacy one */
	bool tools;
	char session[33];
};

/* A tools/call that is not answered yet. */
struct held {
	struct held *next, *prev;
	struct toolcall_wait wait;
	struct call *call;
	struct id tenant, vault, approval;
	struct era era;
	bool begun;		/* as an event stream */
	bool hung;		/* in the list */
	struct buf *id, *token; /* JSON of the request's id and progress token; token may be NULL */
	uint64_t progress;
	usec_t came, next_at;
	char session[33];
	uint8_t digest[32]; /* of name and arguments */
};

struct mcp {
	struct map sessions; /* first 8 bytes of the id → session */
	struct stream *streams;
	size_t streams_n;
	struct held *held;
	size_t held_n;
	uint64_t lists_changed; /* as of the last look */
	uint64_t tools_changed; /* likewise */
	bool closing;		/* gate takes no new connections */
};

/* One request on its way. */
struct turn {
	struct flow *flow;
	struct call *call;
	struct permit permit;
	struct rpc rpc;
	struct era era;
	char only[SERVICE_MAX_BYTES + 1]; /* of the mount; empty: all services */
	struct bytes account;		  /* of the mount; empty: the default one */
	struct session *session;	  /* NULL in the modern era, and before there is one */
};

/* answer.c */
void answer_status(struct flow *flow, struct call *call, enum err err);
/* The same to who has shown no token that fits: a 401 says where to get one for @vault. */
void answer_stranger(struct flow *flow, struct call *call, enum err err, struct bytes vault);
void answer_error(struct turn *turn, unsigned status, enum rpc_code code, const char *message,
		  struct bytes data);
/* A result with these members (without braces; may be empty). @cached: a list or a description. */
void answer_result(struct turn *turn, struct bytes members, bool cached);
void answer_text(struct flow *flow, struct call *call, unsigned status, struct bytes json);
void answer_accepted(struct turn *turn);
/* Begins an event stream; one message on it. */
void answer_stream(struct flow *flow, struct call *call);
void answer_event(struct flow *flow, struct call *call, struct bytes json);
/* What every modern result has beside its own members. */
void answer_modern(struct dynbuf *out, const char *type, bool cached);

/* session.c */
must_check enum err session_new(struct mcp *mcp, const struct turn *turn, struct session **ret);
/* NULL: unknown, or another vault's, or another client's of the same vault. */
struct session *session_find(struct mcp *mcp, const struct turn *turn, struct bytes id);
void session_end(struct mcp *mcp, struct session *session);

/* relay.c: a mount of a remote server. False: it is not passed on, and not answered. */
bool relay_message(struct turn *turn);
bool relay_other(struct turn *turn); /* GET, DELETE */

/* stream.c */
void stream_listen(struct turn *turn); /* subscriptions/listen */
void stream_get(struct turn *turn);    /* GET */
void streams_tick(struct flow *flow);
void streams_end(struct flow *flow, const char *session);
void streams_close(struct flow *flow); /* all of them */

/* tools.c */
void tools_list(struct turn *turn);
void tools_call(struct turn *turn);
void tools_cancel(struct turn *turn); /* notifications/cancelled */
void tools_tick(struct flow *flow);
void tools_close(struct flow *flow); /* ends the leg of each held call; the question stays */
