/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * approval - a question to a person, bound to exact bytes.
 *
 *   PENDING ─approve→ APPROVED ─consume→ EXECUTED ─settle→ (outcome)
 *      ├─ deny → DENIED           └─ its time is over → EXPIRED
 *      ├─ its time is over → EXPIRED
 *      └─ the asker withdraws → CANCELLED
 *
 *  1. Each arrow is one conditional write; the first decision wins, over all
 *     channels, and the others are told what was decided.
 *  2. What is executed is what is stored, and its hash is part of the digest:
 *     SHA-256 of "valetkey approval 1" 0 and the canonical JSON (RFC 8785) of
 *     account, agent, arguments, created, definition, expires, kind, nonce,
 *     policy_version, scopes, service, step_up, tenant, tool, user, vault.
 *  3. It is EXECUTED before anything leaves. A death after that leaves the
 *     outcome unknown, said as such; nothing is carried out a second time.
 *  4. Of another store generation it is dead.
 */

#include "core/flow/flow.h"

enum {
	APPROVAL_WAITING_S = 5 * 60,	/* while a caller waits */
	APPROVAL_AWAY_S = 24 * 60 * 60, /* asked asynchronously */
	APPROVAL_PENDING_MAX = 3,	/* of one vault */
	APPROVAL_PAYLOAD_MAX = 256 * 1024,
	APPROVAL_RESULT_MAX = 1024 * 1024,
	APPROVAL_COOL_FIRST_S = 10, /* after a denial, doubled with each one in a row */
	APPROVAL_COOL_MAX_S = 15 * 60,
	APPROVAL_REMEMBERED_S = 90 * 24 * 60 * 60, /* one that is over; the log keeps it longer */
};

struct approval_ask {
	const struct vault_row *vault;
	struct id connection, address;
	struct bytes origin;	    /* the address itself; may be empty */
	struct bytes service, tool; /* tool may be empty: a raw request */
	enum approval_kind kind;
	bool step_up;
	struct bytes summary, reason;
	const uint8_t *definition; /* 32 bytes: hash of the service file */
	struct bytes payload;	   /* what will be executed */
	struct bytes scopes;
	usec_t life;
};

/* Joins one that is not over, asked for by the same vault over the same bytes; *@ret_joined says
 * so. ERR_RATE_LIMITED: as many as may wait do, or a denial is fresh, *@ret_again says until when
 * (0: until one is decided). ERR_APPROVAL_DENIED: this very request was denied just now.
 * ERR_TOO_LARGE */
must_check enum err approval_request(struct flow *flow, struct call *call,
				     const struct approval_ask *ask, struct approval_row *ret,
				     bool *ret_joined, usec_t *ret_again);

struct approval_decision {
	bool approve;
	bool pause;	   /* with a denial: the vaults of that agent and user are paused */
	struct bytes code; /* of the user's authenticator; may be empty */
};

/* ERR_NOT_FOUND; ERR_USED, ERR_APPROVAL_DENIED, ERR_EXPIRED, ERR_CONFLICT (withdrawn): decided
 * before; ERR_STEP_UP_REQUIRED, ERR_WRONG_CODE, ERR_RATE_LIMITED (too many wrong codes).
 * The journey that waits for it goes on when the caller calls approval_tell(). */
must_check enum err approval_decide(struct flow *flow, struct call *call, struct id id,
				    const struct approval_decision *decision,
				    struct approval_row *ret);
/* PENDING → CANCELLED, by the vault that asked. ERR_NOT_FOUND, ERR_CONFLICT (decided) */
must_check enum err approval_cancel(struct flow *flow, struct call *call, struct id tenant,
				    struct id vault, struct id id);
/* APPROVED → EXECUTED; *@ret_payload is what was approved, until the transaction ends. ERR_USED,
 * ERR_EXPIRED, ERR_APPROVAL_DENIED, ERR_CONFLICT, ERR_FORGED (not the bytes of the digest). The
 * caller then asks policy and states again. */
must_check enum err approval_consume(struct flow *flow, struct approval_row *row,
				     struct bytes *ret_payload);
/* Says how it went and parks @result, sealed. ERR_USED: it was said before. */
must_check enum err approval_settle(struct flow *flow, struct approval_row *row,
				    enum approval_outcome outcome, struct bytes result);

/* The digest as @row has it by its content. */
must_check enum err approval_digest(const struct approval_row *row, uint8_t ret[static 32]);
/* The canonical JSON that is digested. Errors stay in @out. */
void approval_print(const struct approval_row *row, struct dynbuf *out);

const char *approval_state_name(enum approval_state state);
const char *approval_outcome_name(enum approval_outcome outcome);

/* Who wants to know what becomes of an approval; in the listener's memory, which does not move.
 * told() comes with every change, until approval_unwatch(). */
struct approval_watcher {
	void (*told)(struct flow *flow, struct approval_watcher *watcher,
		     const struct approval_row *row);
	struct id approval;
	struct approval_watcher *next, *prev;
	bool hung;
	uint64_t seen;
};
/* ERR_OVERLOADED, FAULT_NOMEM */
must_check enum err approval_watch(struct flow *flow, struct id approval,
				   struct approval_watcher *watcher);
void approval_unwatch(struct flow *flow, struct approval_watcher *watcher);
/* At the end of the process. */
void approval_unwatch_all(struct flow *flow);
/* Tells who watches, and begins what was approved. After it the row may have changed. */
void approval_tell(struct flow *flow, const struct approval_row *row);

/* Each second: what is over ends, results that were kept long enough go. */
must_check enum err approval_sweep(struct flow *flow);
