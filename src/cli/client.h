/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * client - the daemon as the command line sees it: where it is, the operator's
 * token, one request at a time.
 *
 * Its address and token come from VALETKEY_URL and VALETKEY_TOKEN, else from
 * run/client.json in the data directory. A token goes over plain http only to
 * this machine.
 */

#include "codec/json.h"

struct client;

enum { CLIENT_URL_MAX = 512, CLIENT_WHY_MAX = 1024, CLIENT_ANSWER_MAX = 16 * 1024 * 1024 };

/* What is wrong and what to do about it, for a person. */
struct client_why {
	char text[CLIENT_WHY_MAX];
};

/* @data: the data directory or NULL. @tenant: NULL means the default one; borrowed.
 * ERR_NOT_FOUND: no daemon is named, or its token cannot be read; @why is then filled. */
must_check enum err client_new(const char *data, const char *tenant, struct client_why *why,
			       struct client **ret);
void client_free(struct client **clientp);
/* Ends with a slash. */
const char *client_url(const struct client *client);

/* Whether an address's host is this machine whatever the resolver says. */
bool client_is_here(struct bytes host);

struct client_request {
	const char *method;
	const char *path; /* below /api/v1, or of the whole site where it begins with "//" */
	const char *type; /* of the body */
	struct bytes body;
	bool open; /* send no token */
};

struct client_answer {
	int status;
	struct buf *text; /* NULL with an empty body */
	json_t *json;	  /* NULL where the body is none */
};

/* OK whatever the status. ERR_PROVIDER_UNAVAILABLE: no answer; @why is then filled. */
must_check enum err client_ask(struct client *client, const struct client_request *request,
			       struct client_why *why, struct client_answer *ret);
/* Wipes: answers may show a token. */
void client_done(struct client_answer *answer);
