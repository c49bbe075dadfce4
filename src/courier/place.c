/* SPDX-License-Identifier: Apache-2.0 */
#include "courier/place.h"

#include "base/wiped.h"
#include "codec/base64.h"
#include "codec/form.h"
#include "codec/json.h"
#include "codec/uri.h"

enum { TEXT_MAX = 2 * IPC_BODY_MAX, VALUE_MAX = 6 * IPC_TOKEN_MAX + 4096 };

static bool printable(struct bytes secret, bool space)
{
	for (size_t i = 0; i < secret.n; i++)
		if (secret.p[i] < (space ? 0x20 : 0x21) || secret.p[i] > 0x7e)
			return false;
	return secret.n > 0;
}

static enum err header_add(struct placed *placed, struct bytes name, struct bytes value)
{
	if (placed->header_count == HTTPC_HEADERS_MAX)
		return ERR_TOO_LARGE;
	placed->headers[placed->header_count++] = (struct httpc_header){ name, value };
	return OK;
}

static bool header_there(const struct placed *placed, const char *name)
{
	for (size_t i = 0; i < placed->header_count; i++)
		if (bytes_caseis(placed->headers[i].name, name))
			return true;
	return false;
}

static enum err headers_copy(const struct ipc_courier_call *call, struct placed *placed)
{
	struct bytes list = call->headers, element;
	struct ipc_header header;
	enum err err;

	while ((err = ipc_list_next(&list, &element)) == OK) {
		TRY(ipc_header_decode(element, &header));
		TRY(header_add(placed, header.name, header.value));
	}
	return err == ERR_NOT_FOUND ? OK : ERR_MALFORMED;
}

/* Room for a value that holds a secret; it must not grow afterwards. */
static enum err value_begin(struct placed *placed, size_t room, struct dynbuf **ret)
{
	if (placed->count == PLACE_SECRETS_MAX)
		return ERR_TOO_LARGE;
	struct dynbuf *value = &placed->values[placed->count++];
	dynbuf_init(value, VALUE_MAX);
	wiped_reserve(value, room);
	TRY(dynbuf_err(value));
	*ret = value;
	return OK;
}

static enum err header_put(struct placed *placed, const char *name, const struct dynbuf *value)
{
	TRY(dynbuf_err(value));
	if (header_there(placed, name))
		return ERR_MALFORMED;
	return header_add(placed, str(name), dynbuf_view(value));
}

static enum err place_bearer(struct placed *placed, struct bytes secret)
{
	struct dynbuf *value;

	if (!printable(secret, false))
		return ERR_MALFORMED;
	TRY(value_begin(placed, secret.n + 16, &value));
	dynbuf_str(value, "Bearer ");
	dynbuf_bytes(value, secret);
	return header_put(placed, "Authorization", value);
}

static enum err place_header(struct placed *placed, const struct ipc_placement *placement,
			     struct bytes secret)
{
	const struct bytes before = placement->user;
	struct dynbuf *value;

	if (!printable(secret, true) || placement->name.n == 0 ||
	    (before.n > 0 && !printable(before, true)))
		return ERR_MALFORMED;
	TRY(value_begin(placed, before.n + secret.n, &value));
	char *kept = placed->names[placed->count - 1];
	TRY(bytes_str(placement->name, kept, sizeof placed->names[0]));
	dynbuf_bytes(value, before);
	dynbuf_bytes(value, secret);
	return header_put(placed, kept, value);
}

static enum err place_basic(struct placed *placed, struct bytes user, struct bytes secret,
			    bool encode)
{
	struct dynbuf pair, *value;

	if (user.n + secret.n == 0 ||
	    (!encode && user.n > 0 && memchr(user.p, ':', user.n) != NULL))
		return ERR_MALFORMED;
	TRY(value_begin(placed, 4 * (user.n + secret.n) + 64, &value));
	dynbuf_init(&pair, VALUE_MAX);
	wiped_reserve(&pair, 3 * (user.n + secret.n) + 1);
	if (encode)
		form_encode(user, &pair);
	else
		dynbuf_bytes(&pair, user);
	dynbuf_u8(&pair, ':');
	if (encode)
		form_encode(secret, &pair);
	else
		dynbuf_bytes(&pair, secret);
	dynbuf_str(value, "Basic ");
	base64_print(dynbuf_view(&pair), value);
	const enum err err = dynbuf_err(&pair);
	wiped_done(&pair);
	TRY(err);
	return header_put(placed, "Authorization", value);
}

static enum err member_of_form(struct placed *placed, const char *name, struct bytes secret)
{
	struct form form = { 0 };
	enum err err = form_parse(dynbuf_view(&placed->text), &form);

	if (err == OK && form_count(&form, name) > 0)
		err = ERR_MALFORMED;
	form_done(&form);
	TRY(err);
	wiped_reserve(&placed->text, 3 * (strlen(name) + secret.n) + 8);
	form_add(&placed->text, name, secret);
	return dynbuf_err(&placed->text);
}

/* Written in behind the last member, so that the rest of the body stays as it was approved. */
static enum err member_of_json(struct placed *placed, const char *name, struct bytes secret)
{
	struct dynbuf *text = &placed->text;
	const struct json_limits limits = { TEXT_MAX, JSON_STRINGS_MAX, JSON_DEPTH_MAX };
	scoped(json_free) json_t *object = NULL;

	TRY(json_parse(dynbuf_view(text), &limits, &object));
	if (!json_is_object(object) || json_object_get(object, name) != NULL)
		return ERR_MALFORMED;
	while (text->n > 0 && text->p[text->n - 1] != '}')
		text->n--;
	text->n--;
	wiped_reserve(text, 6 * (strlen(name) + secret.n) + 16);
	dynbuf_str(text, json_object_size(object) > 0 ? "," : "");
	json_print_string(str(name), text);
	dynbuf_u8(text, ':');
	json_print_string(secret, text);
	dynbuf_u8(text, '}');
	return dynbuf_err(text);
}

static enum err place_member(struct placed *placed, const struct ipc_courier_call *call,
			     const struct ipc_placement *placement, struct bytes secret)
{
	char name[129];

	if (placement->name.n == 0)
		return ERR_MALFORMED;
	TRY(bytes_str(placement->name, name, sizeof name));
	if (call->body_kind == BODY_FORM)
		return member_of_form(placed, name, secret);
	if (call->body_kind == BODY_JSON)
		return member_of_json(placed, name, secret);
	return ERR_MALFORMED;
}

/* The text that the secret takes the place of; it stands once, and not in the origin. */
static enum err place_url(struct placed *placed, struct bytes mark, struct bytes secret)
{
	const struct bytes url = placed->url;
	struct dynbuf *value;
	struct uri uri;

	if (mark.n == 0 || secret.n == 0)
		return ERR_MALFORMED;
	TRY(uri_parse(url, &uri));
	const uint8_t *at = memmem(url.p + uri.origin.n, url.n - uri.origin.n, mark.p, mark.n);
	if (at == NULL)
		return ERR_MALFORMED;
	const uint8_t *behind = at + mark.n, *end = url.p + url.n;
	if (memmem(behind, (size_t)(end - behind), mark.p, mark.n) != NULL)
		return ERR_MALFORMED;
	TRY(value_begin(placed, url.n + 3 * secret.n, &value));
	dynbuf_put(value, url.p, (size_t)(at - url.p));
	uri_encode(secret, value);
	dynbuf_put(value, behind, (size_t)(end - behind));
	TRY(dynbuf_err(value));
	placed->url = dynbuf_view(value);
	return OK;
}

static enum err place_one(struct placed *placed, const struct ipc_courier_call *call,
			  const struct ipc_placement *placement, struct bytes secret)
{
	switch ((enum placement_how)placement->how) {
	case PLACEMENT_BEARER:
		return place_bearer(placed, secret);
	case PLACEMENT_HEADER:
		return place_header(placed, placement, secret);
	case PLACEMENT_BASIC:
		return secret.n == 0 ? ERR_MALFORMED
				     : place_basic(placed, placement->user, secret, true);
	case PLACEMENT_BASIC_RAW:
		return secret.n == 0 ? ERR_MALFORMED
				     : place_basic(placed, placement->user, secret, false);
	case PLACEMENT_BASIC_USER:
		return place_basic(placed, secret, (struct bytes){ NULL, 0 }, true);
	case PLACEMENT_URL:
		return place_url(placed, placement->name, secret);
	case PLACEMENT_MEMBER:
		return place_member(placed, call, placement, secret);
	}
	return ERR_MALFORMED;
}

static enum err body_type(const struct ipc_courier_call *call, struct placed *placed)
{
	static const char *const types[] = {
		[BODY_FORM] = "application/x-www-form-urlencoded",
		[BODY_JSON] = "application/json",
	};

	if (call->body_kind > BODY_JSON || (call->body_kind == BODY_NONE && call->body.n > 0))
		return ERR_MALFORMED;
	const char *type = types[call->body_kind];
	if (type == NULL || header_there(placed, "content-type"))
		return OK;
	return header_add(placed, str("Content-Type"), str(type));
}

enum err place_secrets(const struct ipc_courier_call *call, const struct capsule *capsule,
		       struct placed *ret)
{
	struct bytes list = call->placements, element;
	struct ipc_placement placement;
	enum err err;

	*ret = (struct placed){ .url = call->url };
	dynbuf_init(&ret->text, TEXT_MAX);
	wiped_put(&ret->text, call->body);
	TRY(headers_copy(call, ret));
	TRY(body_type(call, ret));
	while ((err = ipc_list_next(&list, &element)) == OK) {
		TRY(ipc_placement_decode(element, &placement));
		if (placement.item >= capsule->count)
			return ERR_MALFORMED;
		TRY(place_one(ret, call, &placement, capsule->values[placement.item]));
	}
	if (err != ERR_NOT_FOUND)
		return ERR_MALFORMED;
	ret->body = dynbuf_view(&ret->text);
	return dynbuf_err(&ret->text);
}

void placed_done(struct placed *placed)
{
	for (size_t i = 0; i < PLACE_SECRETS_MAX; i++)
		wiped_done(&placed->values[i]);
	wiped_done(&placed->text);
	placed->header_count = 0;
}
