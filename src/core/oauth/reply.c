/* SPDX-License-Identifier: Apache-2.0 */
#include "core/oauth/reply.h"

#include <time.h>

#include "core/oauth/path.h"

enum { FOUND_ACCESS = 1, FOUND_REFRESH = 2 };

/* The names of RFC 6749 5.2, OpenID Connect Core 3.1.2.6 and RFC 8628; a service file comes first.
 */
static const struct {
	const char *word;
	enum reply_class class;
} standard_words[] = {
	{ "invalid_grant", REPLY_TERMINAL },
	{ "invalid_client", REPLY_CONFIG },
	{ "unauthorized_client", REPLY_CONFIG },
	{ "unsupported_grant_type", REPLY_CONFIG },
	{ "redirect_uri_mismatch", REPLY_CONFIG },
	{ "invalid_request", REPLY_CONFIG },
	{ "invalid_scope", REPLY_CONFIG },
	{ "interaction_required", REPLY_INTERACTION },
	{ "consent_required", REPLY_INTERACTION },
	{ "login_required", REPLY_INTERACTION },
	{ "temporarily_unavailable", REPLY_TRANSIENT },
	{ "server_error", REPLY_TRANSIENT },
	{ "slow_down", REPLY_TRANSIENT },
};

static bool is_word(const struct service_words *words, struct bytes word)
{
	for (size_t i = 0; i < words->n; i++)
		if (bytes_eq(words->at[i], word))
			return true;
	return false;
}

static enum reply_class class_of(const struct service_errors *errors, struct bytes word,
				 unsigned status)
{
	const struct {
		const struct service_words *words;
		enum reply_class class;
	} own[] = {
		{ &errors->terminal, REPLY_TERMINAL },
		{ &errors->config, REPLY_CONFIG },
		{ &errors->interaction, REPLY_INTERACTION },
		{ &errors->transient, REPLY_TRANSIENT },
	};

	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (is_word(own[i].words, word))
			return own[i].class;
	for (size_t i = 0; i < ARRAY_LEN(standard_words); i++)
		if (bytes_is(word, standard_words[i].word))
			return standard_words[i].class;
	return status == 401 ? REPLY_CONFIG : REPLY_UNUSABLE;
}

/* The provider's word goes into rows and pages: only what a word is made of. */
static void keep_word(struct bytes word, struct reply *ret)
{
	if (word.n > REPLY_ERROR_MAX)
		return;
	for (size_t i = 0; i < word.n; i++) {
		const uint8_t c = word.p[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
		    (c == 0 || strchr("_.-", c) == NULL))
			return;
	}
	err_ignore(bytes_str(word, ret->error, sizeof ret->error));
}

static struct bytes text_of(const json_t *value)
{
	if (!json_is_string(value))
		return (struct bytes){ NULL, 0 };
	return (struct bytes){ (const uint8_t *)json_string_value(value),
			       json_string_length(value) };
}

/* RFC 6749 5.1: an integer; some send it as a string. What is no sensible life is no answer. */
static bool life_of(const json_t *value, uint64_t *ret_s)
{
	uint64_t life = 0;

	if (json_is_integer(value) && json_integer_value(value) > 0)
		life = (uint64_t)json_integer_value(value);
	else if (json_is_string(value) &&
		 bytes_u64(str(json_string_value(value)), REPLY_LIFE_MAX_S, &life) != OK)
		return false;
	*ret_s = life;
	return life > 0 && life <= REPLY_LIFE_MAX_S;
}

static bool time_of(const char *text, const char *form, usec_t *ret)
{
	struct tm tm = { 0 };
	const char *end = strptime(text, form, &tm);
	const time_t t = end == NULL || *end != 0 ? -1 : timegm(&tm);

	if (t < 0)
		return false;
	*ret = (usec_t)t * USEC_PER_S;
	return true;
}

/* Seconds since 1970, or RFC 3339 in UTC. */
static bool moment_of(const json_t *value, usec_t now, usec_t *ret)
{
	const usec_t latest = now + (usec_t)REPLY_LIFE_MAX_S * USEC_PER_S;
	usec_t t = 0;

	if (json_is_integer(value)) {
		const json_int_t s = json_integer_value(value);
		if (s <= 0 || (uint64_t)s > latest / USEC_PER_S)
			return false;
		t = (usec_t)s * USEC_PER_S;
	} else if (json_is_string(value)) {
		char text[20] = "";
		const struct bytes all = str(json_string_value(value));
		/* A fraction of a second is cut off: a token that ends earlier is refreshed
		 * earlier. */
		const bool utc = all.n >= 20 && all.n <= 40 && all.p[all.n - 1] == 'Z' &&
				 (all.n == 20 || all.p[19] == '.');
		if (!utc || bytes_str((struct bytes){ all.p, 19 }, text, sizeof text) != OK ||
		    !time_of(text, "%Y-%m-%dT%H:%M:%S", &t))
			return false;
	}
	*ret = t;
	return t > now && t <= latest;
}

static bool read_expiry(const struct reply_input *input, const struct service_reply *paths,
			const json_t *body, usec_t *ret)
{
	const struct service_oauth *oauth = &input->service->oauth;
	const json_t *at = path_find(body, paths->expires_at);
	const json_t *in = path_find(body, paths->expires_in);
	uint64_t life_s = 0;

	if (oauth->expiry == SERVICE_EXPIRY_NEVER) {
		*ret = 0;
		return true;
	}
	if (at != NULL && !json_is_null(at))
		return moment_of(at, input->now, ret);
	if (in != NULL && !json_is_null(in)) {
		if (!life_of(in, &life_s))
			return false;
	} else if (oauth->expiry == SERVICE_EXPIRY_ASSUME ||
		   oauth->expiry == SERVICE_EXPIRY_INTROSPECT) {
		life_s = oauth->assume_s;
	}
	*ret = life_s == 0 ? 0 : input->now + life_s * USEC_PER_S;
	return true;
}

/* A hint for people: what makes no sense is as good as not said. */
static usec_t refresh_ends(const struct reply_input *input, const struct service_reply *paths,
			   const json_t *body)
{
	uint64_t life_s;

	if (paths->refresh_expires_in.n == 0 ||
	    !life_of(path_find(body, paths->refresh_expires_in), &life_s))
		return 0;
	return input->now + life_s * USEC_PER_S;
}

static bool add_list(const json_t *list, struct scopes *ret)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item) if (!json_is_string(item) ||
					      scopes_add(ret, str(json_string_value(item))) !=
						      OK) return false;
	return true;
}

/* RFC 6749 5.1: without scope, what was asked for was granted. */
static bool read_scopes(const struct reply_input *input, const struct service_reply *paths,
			const json_t *body, char to[static SCOPES_MAX_BYTES + 1])
{
	const json_t *value = path_find(body, paths->scope);
	const struct bytes own = input->service->oauth.reply_separators;
	struct scopes scopes = { 0 };
	char separators[8] = "";

	if (bytes_str(own, separators, sizeof separators) != OK)
		return false;
	if (json_is_array(value)) {
		if (!add_list(value, &scopes))
			return false;
	} else if (json_is_string(value)) {
		if (scopes_parse(str(json_string_value(value)), separators, &scopes) != OK)
			return false;
	} else if (value != NULL && !json_is_null(value)) {
		return false;
	} else if (scopes_parse(input->asked, " ", &scopes) != OK) {
		return false;
	}
	return scopes_print(&scopes, to) == OK;
}

/* RFC 6749 7.1: a token of a type that is not understood must not be used. */
static bool type_ok(const struct service_reply *paths, const json_t *body)
{
	const json_t *value = path_find(body, paths->token_type);
	const struct bytes type = text_of(value);

	return value == NULL || bytes_caseis(type, "bearer") ||
	       (type.p != NULL && is_word(&paths->token_types, type));
}

static void read_grant(const struct reply_input *input, const json_t *body, struct reply *ret)
{
	const struct service_oauth *oauth = &input->service->oauth;
	const struct service_reply *paths = input->refresh ? &oauth->refresh_reply : &oauth->reply;
	scoped(json_free) json_t *variables = json_object();
	struct reply reply = { .class = REPLY_GRANTED };

	reply.rotated = (input->found & FOUND_REFRESH) != 0;
	if ((input->found & FOUND_ACCESS) == 0 || variables == NULL || !type_ok(paths, body) ||
	    !read_expiry(input, paths, body, &reply.expires) ||
	    !read_scopes(input, paths, body, reply.scopes))
		return;
	reply.refresh_ends = refresh_ends(input, paths, body);
	/* A refresh need not say again what the first answer said. */
	if (provider_take_reply(input->service, body, variables) == OK)
		reply.variables = take(variables);
	else if (!input->refresh)
		return;
	*ret = reply;
}

void reply_read(const struct reply_input *input, struct reply *ret)
{
	const struct service_errors *errors = &input->service->oauth.errors;
	const bool busy = input->status == 429 || input->status >= 500;
	scoped(json_free) json_t *body = NULL;

	*ret = (struct reply){ .class = REPLY_UNUSABLE };
	const bool parsed = json_parse(input->body, &json_request_limits, &body) == OK;
	const struct bytes word = text_of(path_error(errors, body));
	const bool not_ok = errors->ok.n > 0 && json_is_false(path_find(body, errors->ok));
	keep_word(word, ret);
	if (busy)
		ret->class = REPLY_TRANSIENT;
	else if (input->status >= 400 || word.n > 0 || not_ok)
		ret->class = input->status >= 300 && input->status < 400
				     ? REPLY_UNUSABLE
				     : class_of(errors, word, input->status);
	else if (parsed && json_is_object(body) && input->status >= 200 && input->status < 300)
		read_grant(input, body, ret);
	if (ret->class == REPLY_TRANSIENT)
		ret->retry_after_s = reply_retry_after(input->retry_after, input->now);
}

void reply_done(struct reply *reply)
{
	json_free(&reply->variables);
}

enum err reply_err(enum reply_class class)
{
	switch (class) {
	case REPLY_GRANTED:
		return OK;
	case REPLY_TERMINAL:
	case REPLY_INTERACTION:
		return ERR_REAUTH_REQUIRED;
	case REPLY_CONFIG:
		return ERR_PROVIDER_REFUSED;
	case REPLY_UNUSABLE:
	case REPLY_TRANSIENT:
		return ERR_PROVIDER_UNAVAILABLE;
	}
	return ERR_PROVIDER_UNAVAILABLE;
}

uint64_t reply_retry_after(struct bytes value, usec_t now)
{
	char text[40];
	uint64_t s = 0;
	usec_t t;

	if (value.n == 0 || bytes_str(value, text, sizeof text) != OK)
		return 0;
	if (bytes_u64(value, UINT64_MAX, &s) != OK) {
		if (!time_of(text, "%a, %d %b %Y %H:%M:%S GMT", &t) || t <= now)
			return 0;
		s = (t - now + USEC_PER_S - 1) / USEC_PER_S;
	}
	return s > REPLY_RETRY_MAX_S ? REPLY_RETRY_MAX_S : s;
}
