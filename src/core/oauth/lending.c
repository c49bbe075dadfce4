/* SPDX-License-Identifier: Apache-2.0 */
#include "core/oauth/lending.h"

#include "codec/json.h"
#include "model/scopes.h"

static const char exchange_grant[] = "urn:ietf:params:oauth:grant-type:token-exchange";
static const char access_token_type[] = "urn:ietf:params:oauth:token-type:access_token";
static const char connection_urn[] = "urn:valetkey:connection:";

/* 6749 3.2: no parameter more than once. `audience` and `resource` may be (8693 2.1), but one token
 * has one target here. */
static enum err check_once(const struct form *form)
{
	static const char *const once[] = {
		"grant_type",		"subject_token", "subject_token_type",
		"requested_token_type", "scope",	 "connection",
	};

	for (size_t i = 0; i < ARRAY_LEN(once); i++)
		if (form_count(form, once[i]) > 1)
			return ERR_MALFORMED;
	return form_count(form, "audience") > 1 || form_count(form, "resource") > 1
		       ? ERR_INVALID_TARGET
		       : OK;
}

static bool service_id_ok(struct bytes id)
{
	if (id.n == 0 || id.n > SERVICE_MAX_BYTES || id.p[0] < 'a' || id.p[0] > 'z')
		return false;
	for (size_t i = 0; i < id.n; i++)
		if (!(id.p[i] >= 'a' && id.p[i] <= 'z') && !(id.p[i] >= '0' && id.p[i] <= '9') &&
		    id.p[i] != '-')
			return false;
	return true;
}

/* `connection`, or the same as a URN in `resource`. */
static enum err read_connection(const struct form *form, struct bytes *ret)
{
	struct bytes connection = form_find(form, "connection");
	struct bytes resource = form_find(form, "resource");

	if (resource.p != NULL) {
		if (connection.p != NULL)
			return ERR_MALFORMED;
		if (!bytes_starts(resource, connection_urn))
			return ERR_INVALID_TARGET;
		resource.p += sizeof connection_urn - 1;
		resource.n -= sizeof connection_urn - 1;
		connection = resource;
		if (connection.n == 0)
			return ERR_INVALID_TARGET;
	}
	if (connection.n > ALIAS_MAX_BYTES)
		return ERR_INVALID_TARGET;
	*ret = connection;
	return OK;
}

enum err lending_request_read(const struct form *form, struct lending_request *ret)
{
	const struct bytes type = form_find(form, "requested_token_type");
	struct lending_request request = {
		.subject_token = form_find(form, "subject_token"),
		.audience = form_find(form, "audience"),
		.scope = form_find(form, "scope"),
	};
	struct scopes scopes;

	if (form_find(form, "grant_type").n == 0 || form_count(form, "grant_type") > 1)
		return ERR_MALFORMED;
	if (!bytes_is(form_find(form, "grant_type"), exchange_grant))
		return ERR_UNSUPPORTED_GRANT;
	TRY(check_once(form));
	if (request.subject_token.n == 0 ||
	    !bytes_is(form_find(form, "subject_token_type"), access_token_type))
		return ERR_MALFORMED;
	if (type.p != NULL && !bytes_is(type, access_token_type))
		return ERR_MALFORMED;
	/* Delegation is not carried out here, so it must not look as if it were. */
	if (form_count(form, "actor_token") + form_count(form, "actor_token_type") > 0)
		return ERR_MALFORMED;
	if (!service_id_ok(request.audience))
		return ERR_INVALID_TARGET;
	TRY(read_connection(form, &request.connection));
	if (request.scope.n > SCOPES_MAX_BYTES || scopes_parse(request.scope, " ", &scopes) != OK)
		return ERR_INVALID_SCOPE;
	*ret = request;
	return OK;
}

enum err lending_answer_print(struct bytes scope, uint64_t expires_in_s, struct dynbuf *out,
			      size_t *ret_at)
{
	dynbuf_str(out, "{\"access_token\":\"");
	const size_t at = out->n;
	dynbuf_printf(
		out,
		"\",\"issued_token_type\":\"%s\",\"token_type\":\"Bearer\",\"expires_in\":%llu",
		access_token_type, (unsigned long long)expires_in_s);
	if (scope.n > 0) {
		dynbuf_str(out, ",\"scope\":");
		json_print_string(scope, out);
	}
	dynbuf_u8(out, '}');
	TRY(dynbuf_err(out));
	*ret_at = at;
	return OK;
}

enum err lending_refusal_print(const struct lending_refusal *refusal, struct dynbuf *out)
{
	const struct err_row *row = err_row(refusal->err);
	const char *error = refusal->err == ERR_INVALID_TOKEN ? "invalid_request" : row->oauth;
	const struct {
		const char *name;
		struct bytes value;
	} more[] = {
		{ "error_uri", refusal->error_uri },
		{ "scope", refusal->scope },
	};

	dynbuf_str(out, "{\"error\":");
	json_print_string(str(error), out);
	dynbuf_str(out, ",\"error_description\":");
	char sentence[512];
	struct dynbuf text = { .p = (uint8_t *)sentence,
			       .room = sizeof sentence,
			       .max = sizeof sentence };
	dynbuf_str(&text, row->says);
	dynbuf_u8(&text, ' ');
	dynbuf_str(&text, row->mend);
	json_print_string(dynbuf_view(&text), out);
	for (size_t i = 0; i < ARRAY_LEN(more); i++) {
		if (more[i].value.n == 0)
			continue;
		dynbuf_printf(out, ",\"%s\":", more[i].name);
		json_print_string(more[i].value, out);
	}
	dynbuf_u8(out, '}');
	return dynbuf_err(out);
}

int lending_status(enum err err)
{
	return err == ERR_INVALID_TOKEN ? 400 : err_row(err)->status;
}
