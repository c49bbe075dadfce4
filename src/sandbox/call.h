/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * call - one request to the sandbox under way, what it is answered with, and
 * the state that all of them share.
 */

#include "codec/form.h"
#include "codec/json.h"
#include "httpd/httpd.h"
#include "sandbox/fault.h"
#include "sandbox/grant.h"
#include "sandbox/world.h"

enum { CALL_PARAMS_MAX = 4, CALL_HELD_MAX = 1024, CALL_LIST_MAX = 200 };

/* How a service behaves at present; changed over /sandbox/control. */
struct manner {
	unsigned lifetime_s, grace_s, delay_ms;
	enum rotation rotation;
	bool iss; /* RFC 9207 */
};

struct held {			       /* a request whose answer waits, or never comes */
	struct httpd_request *request; /* NULL: free */
	usec_t due;		       /* boot clock; 0: never */
	unsigned status;
	const char *type;
	struct buf *body;
};

struct box {
	struct loop *loop;
	struct httpd *httpd;
	struct loop_timer *timer;
	struct grants grants;
	struct faults faults;
	struct manner manners[BRAND_COUNT];
	struct world world;
	struct held held[CALL_HELD_MAX];
	char origin[64]; /* http://127.0.0.1:7071 */
};

struct call {
	struct box *box;
	struct httpd_request *request;
	enum brand brand;
	struct bytes params[CALL_PARAMS_MAX]; /* the route's {} parts, decoded */
	struct form query, form;
	json_t *json;		   /* the body, when it is JSON */
	struct bytes bearer;	   /* as sent; p = NULL if none */
	const struct grant *grant; /* of the bearer token, where the route wants one */
	struct grant_token *token;
	struct fault_armed fault; /* row NULL: none */
	bool slow;		  /* the service's delay applies */
};

/* Each answers the request; call one of them exactly once. @answer is taken over. */
void call_json(struct call *call, unsigned status, json_t *answer);
void call_text(struct call *call, unsigned status, const char *type, struct bytes body);
void call_html(struct call *call, unsigned status, struct bytes body);
/* An empty answer, with a Location where @location is not NULL. */
void call_redirect(struct call *call, unsigned status, const char *location);
void call_empty(struct call *call, unsigned status);
/* RFC 6749 5.2, or the service's own form of it. @status 0: the service's usual one. */
void call_oauth_error(struct call *call, unsigned status, const char *error, const char *says);
/* An API's refusal in the service's own form. */
void call_refuse(struct call *call, unsigned status, const char *error);
/* Does what is armed for @endpoint. True: the request is dealt with. */
bool call_fault(struct call *call, enum fault_endpoint endpoint);
/* The client of @request went away. */
void call_left(struct box *box, struct httpd_request *request);
/* Answers what is due; for the timer. */
void call_due(void *box);

/* A parameter of the body, form or JSON, else of the query. p = NULL if absent or empty. */
struct bytes call_param(const struct call *call, const char *name);
/* The same as a number in 1..@max, else @otherwise. */
size_t call_number(const struct call *call, const char *name, size_t otherwise, size_t max);
/* Whether the bearer's grant has one of the scopes in @any, which are separated by spaces. */
bool call_has_scope(const struct call *call, const char *any);
