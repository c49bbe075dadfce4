/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * rows - the objects of the store as plain structs.
 *
 * Bytes in a row that the store has answered live until the transaction ends.
 * `rev` grows by one with each change; the store keeps it and the row's MAC.
 * Times are wall-clock microseconds, 0 where there is none.
 */

#include "base/id.h"

enum {
	NAME_MAX_BYTES = 128,
	SUBJECT_MAX_BYTES = 256,
	SERVICE_MAX_BYTES = 32,
	ALIAS_MAX_BYTES = 64,
	POLICY_MAX_BYTES = 1024 * 1024,
	SCOPES_MAX_BYTES = 1024,
};

/* One state of one row that has a revision. */
struct row_version {
	struct id id;
	uint64_t rev;
	uint8_t digest[32]; /* the row's MAC; zero: of no row */
};

struct tenant_row {
	struct id id;
	struct bytes name;
	usec_t created;
	uint64_t rev;
};

/* subject, email and name are personal: sealed in the row, found by a keyed index. */
struct user_row {
	struct id id, tenant;
	struct bytes issuer, subject, email, name;
	usec_t created;
	uint64_t rev;
};

enum agent_state { AGENT_ACTIVE = 1, AGENT_DISABLED = 2 };

struct agent_row {
	struct id id, tenant;
	struct bytes name, client_id;
	struct bytes redirect_uris; /* separated by newlines */
	enum agent_state state;
	usec_t created;
	uint64_t rev;
};

/* The OAuth client that the operator registered at a provider. */
struct client_row {
	struct id id, tenant; /* id is part of the secret's place */
	struct bytes service, client_id;
	struct bytes secret;	 /* sealed blob, empty: none */
	uint64_t secret_version; /* of the blob's place */
	uint64_t rev;
};

/* What was given for a client or a consent, to stand in the addresses of its service. */
struct given_row {
	struct id id, tenant; /* of the client or the consent */
	struct bytes text;    /* JSON object of texts, sealed in the row */
	uint64_t rev;
};

struct service_row {
	struct id id, tenant;
	struct bytes service, yaml;
	uint8_t hash[32];
	usec_t created;
	uint64_t rev;
};

enum vault_state { VAULT_ACTIVE = 1, VAULT_PAUSED = 2, VAULT_DELETED = 3 };

struct vault_row {
	struct id id, tenant, user, agent; /* agent none: any holder of the token */
	struct bytes name;
	enum vault_state state;
	uint64_t policy_version;
	usec_t expires, created;
	uint64_t rev;
};

struct policy_row {
	struct id vault, tenant;
	uint64_t version;
	struct bytes yaml;
	uint8_t hash[32];
	usec_t created;
};

/* What was spent from one limit: SPENT_PARTS + 1 numbers of 8 bytes, the newest part of the window
 * first. */
enum { SPENT_PARTS = 32 };

struct counter_row {
	struct id id, tenant; /* id: of the limit */
	usec_t window;	      /* 0: without end, all in the first part */
	uint64_t at;	      /* the newest part: times SPENT_PARTS, divided by the window */
	usec_t ends;	      /* nothing of it counts from then on; 0: never */
	struct bytes counts;
	uint64_t rev;
};

struct binding_row {
	struct id vault, tenant, connection;
	struct bytes service, alias;
	bool is_default;
};

enum connection_state {
	CONNECTION_CONNECTED = 1,
	CONNECTION_PAUSED = 2,
	CONNECTION_REAUTH_REQUIRED = 3,
	CONNECTION_REMOVED = 4,
};

enum refresh_state {
	REFRESH_IDLE = 1,
	REFRESH_INTENT = 2,  /* the provider may have been asked */
	REFRESH_STORED = 3,  /* idle again; the last one succeeded */
	REFRESH_FAILED = 4,  /* idle again; the last one failed, the old pair holds */
	REFRESH_UNKNOWN = 5, /* an answer was lost; one retry where the class permits */
};

enum revoke_fact {
	FACT_NONE = 0,
	FACT_PENDING = 1,
	FACT_YES = 2,
	FACT_NO = 3,
	FACT_UNSUPPORTED = 4,
	FACT_UNKNOWN = 5
};

struct connection_row {
	struct id id, tenant, user;
	struct bytes service, alias;
	enum connection_state state;
	bool was_paused;		       /* pause survives a reconnect */
	struct bytes account_id, account_name; /* personal: sealed, the id also indexed */
	struct bytes scopes;		       /* as granted, separated by spaces, sorted */
	struct bytes variables;		       /* captured from reply or redirect: JSON object */
	struct bytes access, refresh;	       /* sealed blobs, empty: none */
	uint64_t version;	  /* of the access token's place; grows with each pair */
	uint64_t refresh_version; /* of the refresh token's: an older one where it was kept */
	usec_t expires;		  /* of the access token; 0: never */
	usec_t obtained;	  /* when the access token came */
	enum refresh_state refresh_state;
	uint64_t fence;			  /* grows with each refresh begun */
	struct id attempt;		  /* the courier call of the refresh under way */
	usec_t refresh_at;		  /* not before: back-off after a transient failure */
	uint32_t refresh_failures;	  /* in a row */
	uint16_t refresh_err;		  /* enum err of the last one */
	enum revoke_fact revoked, probed; /* after removal */
	usec_t revoke_at;		  /* next try of a pending revocation */
	uint32_t revoke_failures;
	usec_t created;
	uint64_t rev;
};

enum registration_origin {
	REGISTRATION_DYNAMIC = 1,  /* RFC 7591: the client came and said who it is */
	REGISTRATION_DOCUMENT = 2, /* its client_id is the address of a document that says so */
	REGISTRATION_OPERATOR = 3, /* it came with the operator's word: it stays until removed */
};

/* What an agent that the operator did not add has said of itself. */
struct registration_row {
	struct id id, tenant, agent;
	enum registration_origin origin;
	struct bytes meta; /* JSON, as core/authserver/clientmeta.h keeps it */
	usec_t meta_until; /* of a document: it is fetched again then */
	usec_t changed; /* its redirects or keys, last: what was consented to before does not hold
			 */
	struct bytes jwks; /* what jwks_uri gave; empty: not fetched yet */
	usec_t jwks_at, jwks_until;
	usec_t used; /* proved itself last; 0: never */
	usec_t created;
	uint64_t rev;
};

/* How a local user proves to be one: Argon2id of a password. */
struct password_row {
	struct id id, tenant, user;
	struct id salt; /* 16 random bytes */
	uint8_t hash[32];
	uint32_t passes, memory_kib;
	usec_t changed;
	uint64_t rev;
};

enum grant_state {
	GRANT_CODE = 1, /* its code was issued */
	GRANT_ACTIVE = 2,
	GRANT_REVOKED = 3,
};

/* What a user lets a client of ours do with one vault. */
struct grant_row {
	struct id id, tenant, agent, user, vault;
	struct bytes scope;    /* separated by spaces */
	struct bytes redirect; /* where the code was sent; empty: there was none */
	bool redirect_sent;
	uint8_t challenge[32]; /* SHA-256 of the verifier (RFC 7636, S256) */
	uint8_t jkt[32];       /* thumbprint of the key that its tokens are bound to; zero: none */
	enum grant_state state;
	uint64_t generation;
	usec_t code_until, created;
	uint64_t rev;
};

enum grant_token_kind { GRANT_ACCESS = 1, GRANT_REFRESH = 2 };

struct grant_token_row {
	struct id id, tenant, grant;
	enum grant_token_kind kind;
	struct bytes scope;
	bool spent; /* a refresh token, by the refresh that it was for */
	uint64_t generation;
	usec_t expires, created;
	uint64_t rev;
};

/* An authorization request that was pushed (RFC 9126). */
struct pushed_row {
	struct id id, tenant, agent;
	struct bytes text; /* the form as it came, without what proved the client: sealed */
	bool used;
	uint64_t generation;
	usec_t expires, created;
	uint64_t rev;
};

/* Something that may be seen once, by its hash, and is refused for its age after `until`. */
struct seen_row {
	usec_t until;
};

enum own_token_kind {
	OWN_ADMIN = 1,
	OWN_VAULT = 2,
	OWN_CLIENT = 3,
	OWN_REGISTRATION = 4,
	OWN_SESSION = 5
};

/* A token of our own: only its keyed hash is stored. */
struct own_token_row {
	struct id id, tenant;
	enum own_token_kind kind;
	struct id object; /* the vault or agent; none for admin */
	bool revoked;
	uint64_t generation;
	usec_t expires, created;
};

enum consent_state {
	CONSENT_NEW = 1,      /* the link was made */
	CONSENT_OPENED = 2,   /* bound to the browser that opened it first */
	CONSENT_SENT = 3,     /* the browser was sent to the provider with `state` */
	CONSENT_RETURNED = 4, /* `state` was consumed; the code is being redeemed */
	CONSENT_DONE = 5,
	CONSENT_FAILED = 6,
};

/* One connect flow, from link to connection. */
struct consent_row {
	struct id id, tenant, user;
	struct bytes service, alias, scopes; /* as asked, separated by spaces */
	struct id connection;		     /* to be reconnected or widened; none: a new one */
	enum consent_state state;
	struct bytes verifier; /* PKCE, sealed in the row */
	uint16_t err;	       /* why it failed */
	uint64_t generation;
	usec_t expires, created;
	uint64_t rev;
};

/*
 * pending → approved → executed, or pending → denied | expired | cancelled, or
 * approved → expired. EXECUTED says that it was used up, at most once; how that
 * went is the outcome.
 */
enum approval_state {
	APPROVAL_PENDING = 1,
	APPROVAL_APPROVED = 2,
	APPROVAL_DENIED = 3,
	APPROVAL_EXPIRED = 4,
	APPROVAL_CANCELLED = 5,
	APPROVAL_EXECUTED = 6,
};

enum approval_outcome {
	APPROVAL_OPEN = 0,    /* not executed, or under way */
	APPROVAL_OK = 1,      /* carried out */
	APPROVAL_FAILED = 2,  /* the provider said no, or was not reached */
	APPROVAL_UNKNOWN = 3, /* it may have been carried out */
	APPROVAL_VOID = 4,    /* policy, account or tool did not permit it any more */
};

enum approval_kind { APPROVAL_TOOL = 1, APPROVAL_PROXY = 2 };

enum { APPROVAL_SUMMARY_MAX = 4096, APPROVAL_REASON_MAX = 4096, APPROVAL_TOOL_MAX = 128 };

/* One question to a person, bound to exact bytes, which are kept beside it (approval_text_row). */
struct approval_row {
	struct id id, tenant, user, vault;
	struct id agent, connection; /* none where there is none */
	struct bytes service, tool;
	enum approval_kind kind;
	bool step_up; /* a yes alone does not do */
	enum approval_state state;
	enum approval_outcome outcome;
	struct bytes summary, reason; /* personal: sealed */
	uint8_t definition[32];	      /* SHA-256 of the service file */
	uint8_t payload_hash[32];     /* SHA-256 of what will be executed */
	uint8_t nonce[32], digest[32];
	struct bytes scopes;
	uint64_t policy_version;
	struct id address;   /* keyed pseudonym of where it was asked from */
	struct bytes origin; /* that address itself, 16 bytes: sealed; empty: not known */
	usec_t created, expires;
	uint64_t generation;
	usec_t decided;
	struct id decider; /* the admin token or user that decided */
	struct id attempt; /* the courier call that carries it out */
	usec_t kept_until; /* of the result; 0: there is none */
	bool heard;	   /* somebody got the result */
	uint64_t rev;
};

enum approval_text { APPROVAL_TEXT_PAYLOAD = 1, APPROVAL_TEXT_RESULT = 2 };

/* Sealed, and read alone: lists of approvals stay small. */
struct approval_text_row {
	struct id approval, tenant;
	enum approval_text kind;
	struct bytes text;
};

/* A user's authenticator (RFC 6238). */
struct totp_row {
	struct id id, tenant, user;
	struct bytes secret; /* sealed */
	uint64_t last_step;  /* the newest that was used: none up to it is taken again */
	uint64_t generation;
	usec_t created;
	uint64_t rev;
};

/* A row waiting for its place in the log: an encoded record, by its event id. */
struct outbox_row {
	struct id event;
	struct bytes record;
};

/* One line of the log as the projection finds it. */
struct event_row {
	uint64_t seq;
	usec_t time;
	uint64_t segment, offset; /* where the line stands: segment's first record, byte */
	uint32_t length;
};
