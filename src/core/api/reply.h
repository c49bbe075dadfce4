/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* reply - what the handlers share: their signature, and the forms of answers. */

#include "codec/form.h"
#include "codec/json.h"
#include "core/flow/flow.h"

enum { ROUTE_VARS_MAX = 2 };

struct api_in {
	struct bytes vars[ROUTE_VARS_MAX];
	struct form query;
};

/* OK: answered, or it will be. Anything else becomes a problem document. */
typedef enum err (*api_fn)(struct flow *flow, struct call *call, const struct api_in *in);

/* @body is stolen. */
void reply_json(struct flow *flow, struct call *call, unsigned status, json_t *body);
void reply_text(struct flow *flow, struct call *call, unsigned status, const char *type,
		struct bytes body);
/* RFC 9457. @detail may be NULL: the sentence of errors.def then stands alone. */
void reply_problem(struct flow *flow, struct call *call, enum err err, const char *detail);

/* The same in two steps, for one with members of its own; problem_reply() steals it.
 * @retry_after_s 0: as the status asks for. */
json_t *problem_make(enum err err, unsigned status, const char *detail);
void problem_reply(struct flow *flow, struct call *call, unsigned status, uint64_t retry_after_s,
		   json_t *problem);

/* Whatever is asked for below /proxy/. */
void api_proxy(struct flow *flow, struct call *call);

/* Keeps what is wrong with a file as the problem's detail; answers @err. */
struct complaint;
enum err reply_complaint(struct call *call, enum err err, const struct complaint *complaint);

/* The request's JSON object with no members but @names.
 * ERR_MALFORMED, ERR_TOO_LARGE, ERR_UNKNOWN_FIELD (answered already) */
must_check enum err read_object(struct flow *flow, struct call *call, const char *const *names,
				size_t count, json_t **ret);
/* RFC 3339 in UTC, with or without a fraction. ERR_MALFORMED */
must_check enum err read_time(struct bytes text, usec_t *ret);
/* limit and after of a list. ERR_MALFORMED */
must_check enum err read_page(const struct api_in *in, const char *kind, struct page *ret);

void set_id(json_t *object, const char *name, const char *kind, struct id id); /* none: left out */
void set_time(json_t *object, const char *name, usec_t time);		       /* 0: left out */
void set_bytes(json_t *object, const char *name, struct bytes text);	       /* empty: left out */
void set_int(json_t *object, const char *name, uint64_t value);

struct bytes request_header(const struct call *call, const char *name);
/* A service as it is shown. ERR_NOT_FOUND */
must_check enum err services_json(struct flow *flow, const struct call *call, struct bytes id,
				  json_t **ret);

/* A JSON answer under way as a list: {"items":[…],"next":…}. */
struct listing {
	json_t *items;
	unsigned limit;
	const char *kind;
	struct id last;
};
void listing_begin(struct listing *listing, const char *kind, const struct page *page);
/* Steals @item. */
enum err listing_add(struct listing *listing, struct id id, json_t *item);
void listing_reply(struct flow *flow, struct call *call, struct listing *listing);

#define ROUTE(method, path, permit, handler, tag, summary)                                         \
	enum err handler(struct flow *flow, struct call *call, const struct api_in *in);
#include "core/api/routes.def"
#undef ROUTE
