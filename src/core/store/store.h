/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * store - the state of the daemon behind verbs. The only folder that sees SQL.
 *
 *  1. Everything happens in a transaction: store_begin … store_commit, one per
 *     batch of core. A reader sees the rows as they are at that moment.
 *  2. A row whose MAC does not hold is ERR_FORGED, never data (I4). The MAC is
 *     over table, key, rev and content under K_rowmac.
 *  3. Personal text is sealed under K_text with the row as associated data and
 *     found by a keyed index; own tokens, tickets, states and cookies are
 *     stored as HMAC under K_tokhash. Callers pass and get plain values.
 *  4. What may happen once is one conditional write; the loser gets ERR_USED.
 *  5. One-time rows carry the generation; in another one they are ERR_EXPIRED. Own tokens are
 *     standing credentials and hold over it.
 *  6. A failed COMMIT is FAULT_SYNC: the caller stops the process (I11).
 *     ERR_LOG_FULL when the disk was full before anything was written.
 *  7. An object of another tenant is ERR_NOT_FOUND, like one that does not exist (I7).
 */

#include "model/rows.h"

struct store;

/* The working keys; copied into locked memory. */
struct store_keys {
	uint32_t version;
	uint64_t generation;
	const uint8_t *tokhash, *rowmac, *text; /* 32 bytes each */
};

/* Opens or makes state.db beneath the directory @dir, migrates it. Takes the file lock.
 * ERR_CONFLICT (another process has it), ERR_UNSUPPORTED (newer schema), FAULT_STORE. */
must_check enum err store_open(int dir, const struct store_keys *keys, struct store **ret);
void store_close(struct store **storep);

/* FAULT_STORE: the file was deleted or replaced. After FAULT_SYNC: that, for good. */
must_check enum err store_begin(struct store *store);
/* Makes the batch durable; a batch that wrote nothing costs no sync. FAULT_SYNC (unknown outcome),
 * ERR_LOG_FULL, or what ended the batch before (known: nothing was written). */
must_check enum err store_commit(struct store *store);
void store_rollback(struct store *store);
/* Undo one request of the batch alone: mark, then keep or back out. */
must_check enum err store_savepoint(struct store *store);
must_check enum err store_savepoint_end(struct store *store, bool keep);
/* Another number after every change of a row and every undoing: while it stays, what was read in
 * this transaction still stands. */
uint64_t store_changes(const struct store *store);

/* Keyset page: rows with a key greater than @after, at most @limit (1 to 500), called in order. */
struct page {
	struct id after;
	unsigned limit;
};

/* Named numbers. ERR_NOT_FOUND, ERR_FORGED */
must_check enum err store_meta_get(struct store *store, const char *name, uint64_t *ret);
must_check enum err store_meta_put(struct store *store, const char *name, uint64_t value);

/* put: ERR_EXISTS, ERR_NOT_FOUND (it refers to an object that is not there, or another tenant's).
 * The row's rev is stored as it is. find and get: ERR_NOT_FOUND, ERR_FORGED. list: rows whose MAC
 * does not hold are left out and named in the operator's log; @fn may call any other verb. */
must_check enum err store_tenant_put(struct store *store, const struct tenant_row *row);
must_check enum err store_tenant_find(struct store *store, struct bytes name,
				      struct tenant_row *ret);
must_check enum err store_tenant_get(struct store *store, struct id id, struct tenant_row *ret);
typedef enum err (*store_tenant_fn)(void *ctx, const struct tenant_row *row);
must_check enum err store_tenant_list(struct store *store, struct page page, store_tenant_fn fn,
				      void *ctx);

must_check enum err store_user_put(struct store *store, const struct user_row *row);
must_check enum err store_user_get(struct store *store, struct id tenant, struct id id,
				   struct user_row *ret);
must_check enum err store_user_find(struct store *store, struct id tenant, struct bytes issuer,
				    struct bytes subject, struct user_row *ret);
typedef enum err (*store_user_fn)(void *ctx, const struct user_row *row);
must_check enum err store_user_list(struct store *store, struct id tenant, struct page page,
				    store_user_fn fn, void *ctx);

must_check enum err store_agent_put(struct store *store, const struct agent_row *row);
/* Writes content where rev still is row->rev, and adds one to both. ERR_CONFLICT. */
must_check enum err store_agent_update(struct store *store, struct agent_row *row);
must_check enum err store_agent_get(struct store *store, struct id tenant, struct id id,
				    struct agent_row *ret);
/* Client ids are unique over all tenants. */
must_check enum err store_agent_find(struct store *store, struct bytes client_id,
				     struct agent_row *ret);
typedef enum err (*store_agent_fn)(void *ctx, const struct agent_row *row);
must_check enum err store_agent_list(struct store *store, struct id tenant, struct page page,
				     store_agent_fn fn, void *ctx);

/* Adds or replaces (rev must fit; 0: there must be none), and sets rev and a service's hash.
 * ERR_CONFLICT */
must_check enum err store_client_put(struct store *store, struct client_row *row);
must_check enum err store_client_find(struct store *store, struct id tenant, struct bytes service,
				      struct client_row *ret);
typedef enum err (*store_client_fn)(void *ctx, const struct client_row *row);
must_check enum err store_client_list(struct store *store, struct id tenant, struct page page,
				      store_client_fn fn, void *ctx);
/* What was given for a client or a consent, by that one's id; as store_client_put(). */
must_check enum err store_given_put(struct store *store, struct given_row *row);
must_check enum err store_given_get(struct store *store, struct id tenant, struct id id,
				    struct given_row *ret);
must_check enum err store_service_put(struct store *store, struct service_row *row);
must_check enum err store_service_find(struct store *store, struct id tenant, struct bytes service,
				       struct service_row *ret);
/* The hash alone, MAC checked: enough where the compiled service is at hand. */
must_check enum err store_service_hash(struct store *store, struct id tenant, struct bytes service,
				       uint8_t ret[static 32]);
typedef enum err (*store_service_fn)(void *ctx, const struct service_row *row);
must_check enum err store_service_list(struct store *store, struct id tenant, struct page page,
				       store_service_fn fn, void *ctx);

must_check enum err store_vault_put(struct store *store, const struct vault_row *row);
must_check enum err store_vault_update(struct store *store, struct vault_row *row);
must_check enum err store_vault_get(struct store *store, struct id tenant, struct id id,
				    struct vault_row *ret);
typedef enum err (*store_vault_fn)(void *ctx, const struct vault_row *row);
/* @user none: all users' */
must_check enum err store_vault_list(struct store *store, struct id tenant, struct id user,
				     struct page page, store_vault_fn fn, void *ctx);
/* The hash is computed here. ERR_EXISTS */
must_check enum err store_policy_put(struct store *store, const struct policy_row *row);
must_check enum err store_policy_get(struct store *store, struct id tenant, struct id vault,
				     uint64_t version, struct policy_row *ret);
typedef enum err (*store_policy_fn)(void *ctx, const struct policy_row *row);
/* The newest versions of a vault's policy, at most 100, newest first. */
must_check enum err store_policy_list(struct store *store, struct id tenant, struct id vault,
				      store_policy_fn fn, void *ctx);
/* The hash alone, MAC checked: enough where the compiled policy is at hand. */
must_check enum err store_policy_hash(struct store *store, struct id tenant, struct id vault,
				      uint64_t version, uint8_t ret[static 32]);

/* The one draft of a vault: adds or replaces, reads, forgets. row->version is that in force. */
must_check enum err store_draft_put(struct store *store, const struct policy_row *row);
must_check enum err store_draft_get(struct store *store, struct id tenant, struct id vault,
				    struct policy_row *ret);
must_check enum err store_draft_del(struct store *store, struct id tenant, struct id vault);

/*
 * Limits. What was spent is kept in parts of a 32nd of the window; a part counts until all of it is
 * past, so no window of that length ever holds more than max. A clock that goes back is taken to
 * stand still.
 */
struct store_spend {
	struct id id;	      /* of the limit */
	usec_t window;	      /* at least SPENT_PARTS; 0: without end */
	uint64_t max, amount; /* amounts of more than INT64_MAX never fit */
};

enum { STORE_SPENDS_MAX = 32 };

struct store_spends {
	struct id tenant;
	usec_t now;
	size_t n;
	const struct store_spend *at; /* each limit once */
};

struct store_overspent {
	size_t which;
	usec_t again; /* when it will fit; 0: never */
};

/* Spends from all of them or from none. ERR_RATE_LIMITED: @ret says which one has the least left;
 * ERR_FORGED */
must_check enum err store_spend(struct store *store, const struct store_spends *spends,
				struct store_overspent *ret);
/* What counts at @now. */
must_check enum err store_spent(struct store *store, struct id tenant, struct id limit,
				usec_t window, usec_t now, uint64_t *ret);
/* Forgets some counters of which nothing counts any more. */
must_check enum err store_spent_sweep(struct store *store, usec_t now);

/* Adds or replaces the binding of (vault, service, alias); a new default takes it from the old. */
must_check enum err store_binding_put(struct store *store, const struct binding_row *row);
/* @alias empty: the default one. ERR_NOT_FOUND */
must_check enum err store_binding_find(struct store *store, struct id tenant, struct id vault,
				       struct bytes service, struct bytes alias,
				       struct binding_row *ret);
typedef enum err (*store_binding_fn)(void *ctx, const struct binding_row *row);
must_check enum err store_binding_list(struct store *store, struct id tenant, struct id vault,
				       store_binding_fn fn, void *ctx);

/* ERR_EXISTS: that account of that service is connected for this user already. */
must_check enum err store_connection_put(struct store *store, const struct connection_row *row);
/* Content of all members, where rev still fits. ERR_CONFLICT */
must_check enum err store_connection_update(struct store *store, struct connection_row *row);
must_check enum err store_connection_get(struct store *store, struct id tenant, struct id id,
					 struct connection_row *ret);
/* By the provider's account id; removed ones are not found. */
must_check enum err store_connection_find(struct store *store, struct id tenant, struct id user,
					  struct bytes service, struct bytes account_id,
					  struct connection_row *ret);
typedef enum err (*store_connection_fn)(void *ctx, const struct connection_row *row);
/* @user none, @service empty: any. */
must_check enum err store_connection_list(struct store *store, struct id tenant, struct id user,
					  struct bytes service, struct page page,
					  store_connection_fn fn, void *ctx);
/* Over all tenants: connections whose refresh is INTENT or UNKNOWN (at start), whose revocation is
 * pending and due, or whose token ends before @now (keep-alive and early refresh); at most @limit.
 */
enum store_due { DUE_REFRESH_OPEN, DUE_REVOKE, DUE_REFRESH_SOON };
must_check enum err store_connection_due(struct store *store, enum store_due what, usec_t now,
					 unsigned limit, store_connection_fn fn, void *ctx);

/* IDLE|STORED|FAILED|UNKNOWN → INTENT where rev fits: fence+1, attempt set. ERR_CONFLICT */
must_check enum err store_refresh_begin(struct store *store, struct connection_row *row,
					struct id attempt);
/* INTENT → @row's refresh_state and content, only where the fence still is row->fence. If rev has
 * moved meanwhile (a pause, a rename), only what a refresh decides is written: secrets, scopes,
 * variables, times, failures, and state if it is REAUTH_REQUIRED; @row is then what stands.
 * After a removal new tokens are kept only where they can be revoked, and are due for that at once.
 * ERR_CONFLICT: another one has begun since; nothing was written. */
must_check enum err store_refresh_end(struct store *store, struct connection_row *row);

/* Own tokens. @text is the token itself; its keyed hash is stored, and the generation at hand. */
must_check enum err store_token_put(struct store *store, const struct own_token_row *row,
				    struct bytes text);
/* Live ones only. ERR_NOT_FOUND (also revoked), ERR_EXPIRED */
must_check enum err store_token_find(struct store *store, struct bytes text, usec_t now,
				     struct own_token_row *ret);
/* Revokes all of that kind for that object: their rows are deleted. */
must_check enum err store_token_revoke(struct store *store, struct id tenant,
				       enum own_token_kind kind, struct id object);

/* This one alone; OK also where there is none. */
must_check enum err store_token_end(struct store *store, struct bytes text);

/* Passwords. ERR_CONFLICT (put: there is one; update: rev), ERR_NOT_FOUND */
must_check enum err store_password_put(struct store *store, const struct password_row *row);
must_check enum err store_password_update(struct store *store, struct password_row *row);
must_check enum err store_password_get(struct store *store, struct id tenant, struct id user,
				       struct password_row *ret);

/* Grants. @code is a text, empty for none; its keyed hash is stored, and the generation at hand.
 * find and get answer one of any state. ERR_NOT_FOUND. update: where rev fits. ERR_CONFLICT */
must_check enum err store_grant_put(struct store *store, const struct grant_row *row,
				    struct bytes code);
must_check enum err store_grant_find(struct store *store, struct bytes code, struct grant_row *ret);
must_check enum err store_grant_get(struct store *store, struct id tenant, struct id id,
				    struct grant_row *ret);
must_check enum err store_grant_update(struct store *store, struct grant_row *row);
/* Those that are active. */
typedef enum err (*store_grant_fn)(void *ctx, const struct grant_row *row);
must_check enum err store_grant_list(struct store *store, struct id tenant, struct page page,
				     store_grant_fn fn, void *ctx);
/* Their tokens, of either kind; find answers also what is spent or has expired. */
must_check enum err store_grant_token_put(struct store *store, const struct grant_token_row *row,
					  struct bytes text);
must_check enum err store_grant_token_find(struct store *store, struct bytes text,
					   struct grant_token_row *ret);
/* Once. ERR_USED */
must_check enum err store_grant_token_spend(struct store *store, struct bytes text);
must_check enum err store_grant_tokens_end(struct store *store, struct id tenant, struct id grant);
/* Deletes what has expired by @now, and grants of before @made that have no token any more. */
must_check enum err store_grant_sweep(struct store *store, usec_t now, usec_t made);

/* Connect flows. @ticket, @browser and @state are texts; their keyed hashes are stored, and the
 * generation at hand. A NEW one comes in with put; row->expires is never 0. */
must_check enum err store_consent_put(struct store *store, const struct consent_row *row,
				      struct bytes ticket);
/* Reads by ticket, of any state. ERR_NOT_FOUND, ERR_EXPIRED */
must_check enum err store_consent_find(struct store *store, struct bytes ticket, usec_t now,
				       struct consent_row *ret);
/* By its id. ERR_NOT_FOUND */
must_check enum err store_consent_get(struct store *store, struct id tenant, struct id id,
				      struct consent_row *ret);
/* NEW → OPENED, bound to @browser; OPENED or SENT by the same browser stays as it is. ERR_USED:
 * bound to another browser, or past these states. @row is what stands. */
must_check enum err store_consent_open(struct store *store, struct consent_row *row,
				       struct bytes browser);
/* OPENED|SENT → SENT by the bound browser: stores @state and row->verifier; a @state sent before is
 * not known any more. ERR_USED */
must_check enum err store_consent_send(struct store *store, struct consent_row *row,
				       struct bytes browser, struct bytes state);
/* SENT → RETURNED: consumes @state, once, for the bound browser alone.
 * ERR_NOT_FOUND (no such state, or another browser's), ERR_USED, ERR_EXPIRED */
must_check enum err store_consent_return(struct store *store, struct bytes state,
					 struct bytes browser, usec_t now, struct consent_row *ret);
/* → row->state (DONE or FAILED), err, connection; where rev fits, once. ERR_CONFLICT */
must_check enum err store_consent_end(struct store *store, struct consent_row *row);

/* Approvals: only what may happen next to a row is offered; each is one conditional write, and the
 * loser gets what the row says now: ERR_USED, ERR_EXPIRED (also of another generation),
 * ERR_APPROVAL_DENIED, ERR_CONFLICT (withdrawn, or not approved yet). put: the generation at hand;
 * @payload is sealed beside it. */
must_check enum err store_approval_put(struct store *store, const struct approval_row *row,
				       struct bytes payload);
must_check enum err store_approval_get(struct store *store, struct id tenant, struct id id,
				       struct approval_row *ret);
/* By the courier call that carries it out. */
must_check enum err store_approval_attempt(struct store *store, struct id attempt,
					   struct approval_row *ret);
/* PENDING → APPROVED, DENIED, EXPIRED or CANCELLED, with decided and decider of @row; APPROVED →
 * EXPIRED. */
must_check enum err store_approval_decide(struct store *store, struct approval_row *row,
					  enum approval_state state, usec_t now);
/* APPROVED → EXECUTED. */
must_check enum err store_approval_consume(struct store *store, struct approval_row *row,
					   usec_t now);
/* EXECUTED: the attempt that is about to leave. ERR_CONFLICT */
must_check enum err store_approval_try(struct store *store, struct approval_row *row,
				       struct id attempt);
/* EXECUTED and open → @outcome, once; the payload goes, @result stays until @kept_until.
 * ERR_USED */
must_check enum err store_approval_settle(struct store *store, struct approval_row *row,
					  enum approval_outcome outcome, struct bytes result,
					  usec_t kept_until);
/* Somebody got the result: it stays until @kept_until at most. */
must_check enum err store_approval_heard(struct store *store, struct approval_row *row,
					 usec_t kept_until);
/* The result goes. */
must_check enum err store_approval_forget(struct store *store, struct approval_row *row);
/* ERR_NOT_FOUND */
must_check enum err store_approval_text(struct store *store, const struct approval_row *row,
					enum approval_text kind, struct bytes *ret);
typedef enum err (*store_approval_fn)(void *ctx, const struct approval_row *row);
/* @state 0: any. */
must_check enum err store_approval_list(struct store *store, struct id tenant,
					enum approval_state state, struct page page,
					store_approval_fn fn, void *ctx);
/* The newest @limit of one vault, newest first. */
must_check enum err store_approval_recent(struct store *store, struct id tenant, struct id vault,
					  unsigned limit, store_approval_fn fn, void *ctx);
/* Those of one vault that are not over: pending, approved, being executed. */
must_check enum err store_approval_live(struct store *store, struct id tenant, struct id vault,
					unsigned limit, store_approval_fn fn, void *ctx);
/* Over all tenants: past their end; approved calls of tools; executed and open; results kept long
 * enough. */
enum store_approval_due {
	APPROVAL_DUE_EXPIRED,
	APPROVAL_DUE_APPROVED,
	APPROVAL_DUE_OPEN,
	APPROVAL_DUE_KEPT,
};
must_check enum err store_approval_due(struct store *store, enum store_approval_due what,
				       usec_t now, unsigned limit, store_approval_fn fn, void *ctx);

/* Deletes at most @limit that are over, whose result is gone and that are older than @before. */
must_check enum err store_approval_prune(struct store *store, usec_t before, unsigned limit);

/* A user's authenticator. put replaces one that is there. */
must_check enum err store_totp_put(struct store *store, const struct totp_row *row);
must_check enum err store_totp_get(struct store *store, struct id tenant, struct id user,
				   struct totp_row *ret);
/* Where rev still fits. ERR_CONFLICT */
must_check enum err store_totp_update(struct store *store, struct totp_row *row);

/* What clients that registered themselves have said, by agent. put, update, find as for agents. */
must_check enum err store_registration_put(struct store *store, const struct registration_row *row);
must_check enum err store_registration_update(struct store *store, struct registration_row *row);
must_check enum err store_registration_find(struct store *store, struct id tenant, struct id agent,
					    struct registration_row *ret);
/* Those that the operator has had no part in. */
must_check enum err store_registration_count(struct store *store, uint64_t *ret);
/* Some of those that were made before @made and never used, or not used since @used. */
typedef enum err (*store_registration_fn)(void *ctx, const struct registration_row *row);
must_check enum err store_registration_idle(struct store *store, usec_t made, usec_t used,
					    store_registration_fn fn, void *ctx);
/* Deletes it, and the agent too where nothing else names that one. */
must_check enum err store_registration_del(struct store *store, struct id tenant, struct id agent);

/* Pushed requests. @ticket: the text that the client gets; its keyed hash is stored. find:
 * ERR_NOT_FOUND, ERR_EXPIRED, ERR_USED. use: once. ERR_USED */
must_check enum err store_pushed_put(struct store *store, const struct pushed_row *row,
				     struct bytes ticket);
must_check enum err store_pushed_find(struct store *store, struct bytes ticket, usec_t now,
				      struct pushed_row *ret);
must_check enum err store_pushed_use(struct store *store, struct bytes ticket, usec_t now);

/* Notes that @hash was seen; it is forgotten after @until. ERR_USED: it was before. */
must_check enum err store_seen(struct store *store, const uint8_t hash[static 32], usec_t until);
/* Forgets some of what is past, of both. */
must_check enum err store_seen_sweep(struct store *store, usec_t now);

/* The last such row that was written since the last call or savepoint; false where none was. */
bool store_written(struct store *store, struct row_version *ret);
/* As the row stands, whatever its table. ERR_NOT_FOUND */
must_check enum err store_version_get(struct store *store, struct id id, struct row_version *ret);

/* The outbox: events committed with their change and not yet known to be in the log. */
must_check enum err store_outbox_put(struct store *store, struct id event, struct bytes record);
must_check enum err store_outbox_del(struct store *store, struct id event);
typedef enum err (*store_outbox_fn)(void *ctx, const struct outbox_row *row);
must_check enum err store_outbox_list(struct store *store, store_outbox_fn fn, void *ctx);

/* A copy of what is committed, beneath the directory @dir, durable. ERR_EXISTS (the name is
 * taken), ERR_LOG_FULL */
must_check enum err store_backup(struct store *store, int dir, const char *name);

/* Checks every row's MAC, sealed text and references; for doctor and the background check.
 * @ret_bad: rows refused. */
typedef void (*store_scrub_fn)(void *ctx, const char *table, struct id id, enum err err);
must_check enum err store_scrub(struct store *store, store_scrub_fn fn, void *ctx,
				uint64_t *ret_bad);
