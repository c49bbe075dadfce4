/* SPDX-License-Identifier: Apache-2.0 */
#include "core/oauth/client.h"

#include "codec/base64.h"

#define ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

/* Undoes the form encoding of one part (6749 2.3.1), in place. */
static enum err decode(uint8_t *p, size_t n, struct bytes *ret)
{
	struct bytes part;

	if (form_decode(p, n, &part) != OK)
		return ERR_INVALID_CLIENT;
	for (size_t i = 0; i < part.n; i++)
		if (part.p[i] < 0x20 || part.p[i] == 0x7f)
			return ERR_INVALID_CLIENT;
	*ret = part;
	return OK;
}

static enum err read_basic(struct bytes value, struct client_proof *ret)
{
	struct bytes id, secret;
	size_t n;

	while (value.n > 0 && value.p[0] == ' ') {
		value.p++;
		value.n--;
	}
	if (base64_parse(value, ret->room, sizeof ret->room, &n) != OK)
		return ERR_INVALID_CLIENT;
	uint8_t *colon = memchr(ret->room, ':', n);
	if (colon == NULL)
		return ERR_INVALID_CLIENT;
	const size_t id_n = (size_t)(colon - ret->room);
	TRY(decode(ret->room, id_n, &id));
	TRY(decode(colon + 1, n - id_n - 1, &secret));
	if (id.n == 0)
		return ERR_INVALID_CLIENT;
	ret->id = id;
	ret->secret = secret;
	return OK;
}

static bool is_twice(const struct form *form)
{
	return form_count(form, "client_id") > 1 || form_count(form, "client_secret") > 1;
}

enum err client_proof_read(struct bytes authorization, const struct form *form,
			   struct client_proof *ret)
{
	const struct bytes id = form_find(form, "client_id");
	const struct bytes secret = form_find(form, "client_secret");
	const bool assertion = form_count(form, "client_assertion") > 0;

	*ret = (struct client_proof){ .basic = authorization.p != NULL };
	if (is_twice(form))
		return ERR_MALFORMED;
	/* 6749 2.3: one method in each request. */
	if ((authorization.p != NULL) + (secret.p != NULL) + assertion > 1)
		return ERR_MALFORMED;
	if (assertion) {
		if (form_count(form, "client_assertion") > 1 ||
		    form_count(form, "client_assertion_type") > 1)
			return ERR_MALFORMED;
		if (!bytes_is(form_find(form, "client_assertion_type"), ASSERTION_TYPE))
			return ERR_INVALID_CLIENT;
		ret->id = id.n == 0 ? (struct bytes){ NULL, 0 } : id;
		ret->assertion = form_find(form, "client_assertion");
		return OK;
	}
	if (authorization.p == NULL) {
		if (secret.p != NULL && id.n == 0)
			return ERR_INVALID_CLIENT;
		ret->id = id.n == 0 ? (struct bytes){ NULL, 0 } : id;
		ret->secret = secret;
		return OK;
	}
	if (authorization.n < 6 || !bytes_caseis((struct bytes){ authorization.p, 6 }, "Basic "))
		return ERR_INVALID_CLIENT;
	authorization.p += 6;
	authorization.n -= 6;
	TRY(read_basic(authorization, ret));
	if (id.p != NULL && !bytes_eq(id, ret->id))
		return ERR_MALFORMED;
	return OK;
}

void client_proof_done(struct client_proof *proof)
{
	wipe(proof, sizeof *proof);
}
