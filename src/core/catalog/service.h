/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * service - one entry of the catalogue, compiled from its YAML file and never
 * changed afterwards. docs/service-file.md lists every key.
 *
 *  1. Whatever a file has that is not known, of the wrong type, out of bounds or
 *     contradictory is refused with file, line and reason; nothing is ignored.
 *  2. Every address is https, or http to this machine. The origins that a token
 *     may travel to follow from the file and from the values of the connection
 *     (service_hosts), and each value has passed the check that the file names. A
 *     secret goes to no host that anyone but the file or the operator chooses.
 *  3. All bytes here borrow from the entry and live as long as it does.
 */

#include "codec/yaml.h"

struct schema;

enum {
	SERVICE_PAIRS_MAX = 16,
	SERVICE_WORDS_MAX = 16,
	SERVICE_SCOPES_MAX = 64,
	SERVICE_HOSTS_MAX = 16,
	SERVICE_VARIABLES_MAX = 8,
	SERVICE_TOOLS_MAX = 128,
	SERVICE_STEPS_MAX = 4,
	SERVICE_PATHS_MAX = 3,
	SERVICE_FIELDS_MAX = 64, /* of a projection */
	SERVICE_GRAPHQL_MAX = 4, /* endpoints */
	SERVICE_RESOURCES_MAX = 16,
	SERVICE_TOUCHES_MAX = 4, /* resources that one tool reaches */
	SERVICE_URL_MAX = 2048,
	SERVICE_VALUE_MAX = 512, /* of a captured variable */
};

struct service_pairs {
	size_t n;
	struct {
		struct bytes name, value;
	} at[SERVICE_PAIRS_MAX];
};

struct service_words {
	size_t n;
	struct bytes at[SERVICE_WORDS_MAX];
};

enum service_auth {
	SERVICE_AUTH_BASIC = 1,
	SERVICE_AUTH_POST,
	SERVICE_AUTH_NONE,
	SERVICE_AUTH_SECRET_BASIC, /* the secret is the user of Basic, there is no password */
};
enum service_body { SERVICE_BODY_FORM = 1, SERVICE_BODY_JSON };
enum service_method { SERVICE_GET = 1, SERVICE_POST, SERVICE_PUT, SERVICE_PATCH, SERVICE_DELETE };
enum service_risk {
	SERVICE_RISK_LOW = 1,
	SERVICE_RISK_MEDIUM,
	SERVICE_RISK_HIGH,
	SERVICE_RISK_CRITICAL
};
enum service_effect { SERVICE_READ = 1, SERVICE_WRITE, SERVICE_DESTRUCTIVE };

/* What a refresh does to the refresh token that was used for it. */
enum service_class {
	SERVICE_CLASS_NONE = 1,	  /* there are no refresh tokens */
	SERVICE_CLASS_STABLE,	  /* it stays valid and is not replaced */
	SERVICE_CLASS_REPLACED,	  /* a new one comes, the old one goes on working */
	SERVICE_CLASS_GRACE,	  /* a new one comes, the old one works for retry_within */
	SERVICE_CLASS_STRICT,	  /* a new one comes, the old one is dead at once */
	SERVICE_CLASS_UNTIL_USED, /* a new one comes, the old one works until that is used */
};

enum service_expiry {
	SERVICE_EXPIRY_REPLY = 1,
	SERVICE_EXPIRY_NEVER,
	SERVICE_EXPIRY_ASSUME,
	SERVICE_EXPIRY_INTROSPECT, /* RFC 7662; assume_s where that says nothing */
};

/* Dotted paths into the provider's reply; a number descends into a list. n = 0: not there. */
struct service_reply {
	struct bytes access_token, refresh_token, expires_in, expires_at, scope, token_type;
	struct bytes refresh_expires_in;  /* seconds that the refresh token lives */
	struct service_words token_types; /* accepted beside "bearer" */
};

struct service_errors {
	/* Paths of the error's name, the first that leads to one; also looked at in a 2xx. */
	size_t member_n;
	struct bytes member[SERVICE_PATHS_MAX];
	struct bytes ok; /* path of a boolean that is false after a failure */
	struct service_words terminal, config, interaction, transient;
};

/* Where a value that belongs to a connection comes from, and what it must look like. */
enum service_from {
	SERVICE_FROM_REPLY = 1,
	SERVICE_FROM_REDIRECT,
	SERVICE_FROM_DISCOVER,
	SERVICE_FROM_START,    /* given when a connection is started */
	SERVICE_FROM_OPERATOR, /* given with the client: one for all connections */
};
enum service_check {
	SERVICE_CHECK_ID = 1, /* 1 to 128 of A-Z a-z 0-9 _ - */
	SERVICE_CHECK_LABEL,  /* one DNS label in lower case */
	SERVICE_CHECK_HOST,   /* a host name that is in `within` or below a name there */
	SERVICE_CHECK_CHOICE, /* one of the words in `in` */
	SERVICE_CHECK_TEXT,   /* printable ASCII; never in a host */
};

struct service_variable {
	struct bytes name, path, says;
	struct bytes otherwise; /* the value where none was given; n = 0: there must be one */
	enum service_from from;
	enum service_check check;
	struct service_words within, in;
};

/* What a connection holds for a name; p = NULL: nothing. */
typedef struct bytes (*service_value_fn)(const void *ctx, struct bytes name);

/* A request for facts about the account; url.n = 0: there is none. */
struct service_lookup {
	struct bytes url;
	enum service_method method;
	struct bytes graphql; /* n = 0: none; else what is asked by POST */
	struct service_pairs headers;
};

/* lookup.url.n = 0: nobody can be asked whose account it is. */
struct service_account {
	struct service_lookup lookup;
	size_t id_n, name_n;
	struct bytes id[SERVICE_PATHS_MAX], name[SERVICE_PATHS_MAX]; /* joined */
};

struct service_probe {
	struct service_lookup lookup;
	uint16_t dead; /* status of a token that is no more */
};

enum service_place { SERVICE_IN_FORM = 1, SERVICE_IN_JSON, SERVICE_AS_BEARER };

struct service_revoke {
	struct bytes url; /* n = 0: the provider has no such thing */
	enum service_method method;
	enum service_place place;
	struct bytes member;  /* of the form or the object: the token's name */
	bool prefers_refresh; /* the refresh token where there is one, else the access token */
	enum service_auth auth;
	struct service_pairs headers;
};

struct service_scope {
	struct bytes name, says;
	enum service_risk risk;
	struct bytes parameter; /* of the authorize request; n = 0: the service's own */
};

struct service_oauth {
	struct bytes authorize_url, token_url,
		refresh_url; /* refresh_url: token_url if not given */
	struct bytes issuer; /* RFC 9207; n = 0: not announced */
	bool iss_optional;   /* an answer without iss is taken too */
	struct service_revoke revoke;
	enum service_auth auth;
	enum service_body body;
	bool pkce; /* S256 */
	struct service_pairs authorize_params, token_params, refresh_params;
	struct service_words authorize_omit; /* standard parameters that the provider refuses */
	struct service_pairs headers;	     /* of token requests */
	bool has_scopes;
	struct bytes scope_parameter;
	char scope_separator;		    /* in the authorize request */
	struct bytes reply_separators;	    /* any of these characters, in the reply */
	struct service_words scope_always;  /* asked for in addition, whatever is asked for */
	struct service_words scope_default; /* asked for where nobody says what */
	struct service_reply reply, refresh_reply;
	struct service_errors errors;
	enum service_expiry expiry;
	uint32_t assume_s;
	struct bytes introspect_url;
	enum service_class class;
	uint32_t retry_within_s; /* of GRACE: how long the old token may be tried again */
	bool kills_access;	 /* a refresh ends the access tokens of before */
	bool refresh_redirect;	 /* a refresh names the redirect_uri again */
	uint32_t lives_s;	 /* a grant, from the consent on, at most; 0: not known */
	uint32_t idle_s;	 /* a refresh token that is not used; 0: not known */
	size_t variables_n;
	struct service_variable variables[SERVICE_VARIABLES_MAX];
	struct service_lookup discover; /* second step that variables come from */
	struct service_account account;
	struct service_probe probe;
	size_t scopes_n;
	struct service_scope scopes[SERVICE_SCOPES_MAX];
};

struct service_api {
	struct bytes base; /* may hold {variables}; no slash at its end */
	size_t hosts_n;
	struct bytes hosts[SERVICE_HOSTS_MAX]; /* origins */
	/* Where the access token goes: into a query parameter, or a header (n = 0: Authorization:
	 * Bearer) behind a prefix. And a second header, with the client secret; n = 0: none. */
	struct bytes query, header, prefix, secret_header;
	bool rpc; /* the method does not say whether a request reads */
	size_t graphql_n;
	struct bytes graphql[SERVICE_GRAPHQL_MAX]; /* paths of GraphQL endpoints, as in a tool */
	struct service_pairs headers;
};

/* A tool as a remote MCP server has listed it: JSON as core/upstream/definition.h makes it, each
 * beside its pin. */
struct service_listed {
	struct bytes name;
	struct bytes pin, definition;	   /* accepted by a person; n = 0: never */
	struct bytes offered_pin, offered; /* what is listed now, where that is something else */
	int64_t hidden;			   /* characters of `offered` that are not shown */
	bool gone;			   /* not listed any more */
};

/* Only a live tool is there for agents. */
enum service_listed_state {
	SERVICE_LISTED_NEW = 1,
	SERVICE_LISTED_LIVE,
	SERVICE_LISTED_CHANGED,
	SERVICE_LISTED_GONE,
};

/* A remote MCP server that the service is; url.n = 0: it is none. */
struct service_mcp {
	struct bytes url;
	size_t listed_n;
	struct service_listed *listed;
};

/* The form of a request's body. */
enum service_send { SERVICE_SEND_JSON = 1, SERVICE_SEND_FORM, SERVICE_SEND_TEXT };

struct service_step {
	enum service_method method;
	struct bytes path; /* below api.base, or an address at one of the hosts */
	const struct yaml_node *query, *headers, *body; /* checked; NULL: none */
	enum service_send send;
	struct bytes graphql;		   /* n = 0: none; a document with one operation */
	const struct yaml_node *variables; /* of graphql */
	const struct yaml_node *mail;	   /* the parts of {mail} */
};

/* A kind of thing that policies may name (a repository, a channel), and how it is found out
 * whether one of them is private. */
struct service_resource {
	struct bytes kind, says; /* says may be empty */
	struct service_step ask; /* a GET; path.n = 0: it cannot be found out */
	struct bytes at;	 /* JSON pointer (RFC 6901) into the answer */
	struct service_words in; /* the texts there that mean private; n = 0: true means it */
};

/* One that a tool reaches. */
struct service_touch {
	const struct service_resource *resource;
	struct bytes id; /* a text with the tool's arguments in it */
};

struct service_tool {
	struct bytes name, title, says, summary;
	struct bytes
		described; /* the public description it is checked against; n = 0: unverified */
	enum service_effect effect;
	struct service_words scopes;
	size_t touches_n;
	struct service_touch touches[SERVICE_TOUCHES_MAX];
	const struct yaml_node *input, *select; /* checked; select NULL: the answer as it is */
	struct schema *schema;			/* of the arguments: what `input` says */
	size_t steps_n;
	struct service_step steps[SERVICE_STEPS_MAX];
	/* A remote MCP server's own, which has neither schema nor steps; n = 0: none. */
	struct bytes remote; /* its definition */
	struct bytes remote_input, pin;
	struct buf *words;
};

enum { SERVICE_ID_LEN = 32 };

struct service {
	char id[SERVICE_ID_LEN + 1]; /* [a-z][a-z0-9-]{0,31} */
	struct bytes name, says;     /* says may be empty */
	struct service_oauth oauth;
	struct service_api api;
	struct service_mcp mcp;
	size_t resources_n;
	struct service_resource resources[SERVICE_RESOURCES_MAX];
	size_t tools_n;
	struct service_tool *tools;
	struct yaml *yaml; /* owns all text */
};

/* @file names the source in complaints. ERR_MALFORMED, ERR_TOO_LARGE; @complaint is then filled. */
must_check enum err service_compile(struct bytes text, const char *file,
				    struct complaint *complaint, struct service **ret);
void service_free(struct service **servicep);

/* NULL if the service has no such scope. */
const struct service_scope *service_scope_find(const struct service *service, struct bytes name);
/* NULL if the service has no such kind of resource. */
const struct service_resource *service_resource_find(const struct service *service,
						     struct bytes kind);
/* The value of a variable: what @find has, if it passes the variable's check, else the file's own.
 * p = NULL: none, or no such variable. */
struct bytes service_value(const struct service *service, struct bytes name, service_value_fn find,
			   const void *ctx);
/*
 * Appends every origin that a token or secret of this service may travel to, each once and a
 * newline between them: "hosts" of ipc_adopt. Where a host's variable has no value yet, its place
 * is taken by what the file bounds it with: a host "*.acme.com" stands for every name below it.
 * Where the file does not bound it, the address is left out.
 */
void service_hosts(const struct service *service, service_value_fn find, const void *ctx,
		   struct dynbuf *out);
enum service_listed_state service_listed_state(const struct service_listed *listed);
/* Of what is offered, else of what was accepted: write where it says nothing that counts. */
enum service_effect service_listed_effect(const struct service_listed *listed);
/* A remote MCP server that asks for no authorization: there are no accounts and no tokens. */
bool service_open(const struct service *service);
/* Whether the token endpoint wants a client secret. */
bool service_wants_secret(const struct service *service);
/* RFC 9207 2.4: @iss (p = NULL: none was sent) is the one the file announces, byte for byte; none
 * is taken only where the file says so. Where it announces none, one that is sent must be of the
 * origin of @authorize_url, where the browser was sent. */
bool service_iss_ok(const struct service *service, struct bytes authorize_url, struct bytes iss);
/* Whether @value may be used for @variable. */
bool service_variable_ok(const struct service_variable *variable, struct bytes value);
/* @value as it is kept: of a host given as an address (https://acme.example/) the name alone. */
struct bytes service_variable_bare(const struct service_variable *variable, struct bytes value);
const char *service_risk_name(enum service_risk risk);
const char *service_class_name(enum service_class class);
