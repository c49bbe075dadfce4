/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/client.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/input.h"
#include "codec/token.h"
#include "codec/uri.h"
#include "httpc/httpc.h"

enum { PATH_LEN = 4096, CLIENT_FILE_MAX = 16 * 1024, ASK_MS = 60000 };

static const struct json_limits answer_limits = {
	.text_max = CLIENT_ANSWER_MAX,
	.strings_max = 1000 * 1000,
	.depth_max = JSON_DEPTH_MAX,
};

struct client {
	char url[CLIENT_URL_MAX];
	const char *tenant;
	const char *ca_file;
	struct secret *authorization; /* the header's value */
};

void client_free(struct client **clientp)
{
	if (*clientp == NULL)
		return;
	secret_free(&(*clientp)->authorization);
	free(*clientp);
	*clientp = NULL;
}

const char *client_url(const struct client *client)
{
	return client->url;
}

static enum err complain(struct client_why *why, const char *what, const char *which,
			 const char *mend)
{
	snprintf(why->text, sizeof why->text, "%s%s%.600s. %s", what, which[0] == 0 ? "" : " ",
		 which, mend);
	return ERR_NOT_FOUND;
}

bool client_is_here(struct bytes host)
{
	struct in_addr address;
	char text[INET_ADDRSTRLEN];

	if (bytes_is(host, "localhost") || bytes_is(host, "::1"))
		return true;
	/* a name may begin like an address: 127.example.com */
	return bytes_str(host, text, sizeof text) == OK &&
	       inet_pton(AF_INET, text, &address) == 1 &&
	       ntohl(address.s_addr) >> 24 == IN_LOOPBACKNET;
}

static enum err take_url(struct client *client, const char *url, struct client_why *why)
{
	struct uri uri;
	const size_t n = strlen(url);
	const int put_n = snprintf(client->url, sizeof client->url, "%s%s", url,
				   n > 0 && url[n - 1] == '/' ? "" : "/");

	if (put_n < 0 || (size_t)put_n >= sizeof client->url ||
	    uri_parse(str(client->url), &uri) != OK)
		return complain(why, "The daemon's address is none:", url,
				"It looks like http://localhost:7070/.");
	if (!uri.https && !client_is_here(uri.host))
		return complain(why,
				"The admin token is not sent in the clear to another machine:", url,
				"Use an https address.");
	return OK;
}

static enum err take_token(struct client *client, struct bytes token, const char *source,
			   struct client_why *why)
{
	static const char scheme[] = "Bearer ";
	enum token_kind kind;

	if (token_parse(token, &kind) != OK)
		return complain(why, "There is no whole Valetkey token in", source,
				"It begins with vk_admin_; copy all of it.");
	TRY(secret_new(sizeof scheme - 1 + token.n, &client->authorization));
	put(put(secret_fill(client->authorization), scheme, sizeof scheme - 1), token.p, token.n);
	return OK;
}

static enum err take_token_file(struct client *client, const char *file, struct client_why *why)
{
	scoped(secret_free) struct secret *token = NULL;
	const enum err err = input_secret(file, &token);

	if (err < 0)
		return err;
	if (err != OK)
		return complain(why, "The operator's token cannot be read from", file,
				"Run this as the user who runs the daemon, or set VALETKEY_TOKEN.");
	return take_token(client, secret_bytes(token), file, why);
}

/* What a running daemon leaves for its operator: run/client.json {url, token_file}. */
static enum err read_client_file(const char *data, struct client_why *why, json_t **ret)
{
	scoped(buf_free) struct buf *text = NULL;
	char file[PATH_LEN];

	snprintf(file, sizeof file, "%s/run/client.json", data);
	enum err err = input_text(file, CLIENT_FILE_MAX, &text);
	if (err < 0)
		return err;
	if (err != OK)
		return complain(why, "No daemon is running on", data,
				"Start it with 'valetkey serve --data', or name one with "
				"VALETKEY_URL and VALETKEY_TOKEN.");
	err = json_parse(buf_bytes(text), &json_request_limits, ret);
	return err <= OK ? err
			 : complain(why, "This file is damaged:", file, "Restart the daemon.");
}

static enum err find_daemon(struct client *client, const char *data, struct client_why *why)
{
	const char *url = getenv("VALETKEY_URL"), *token = getenv("VALETKEY_TOKEN");
	scoped(json_free) json_t *local = NULL;
	char text[PATH_LEN];
	const bool whole = url != NULL && url[0] != 0 && token != NULL && token[0] != 0;

	if (!whole && data == NULL)
		return complain(why, "No daemon is named", "",
				"Use --data DIR (or VALETKEY_DATA) for one on this machine, or set "
				"VALETKEY_URL and VALETKEY_TOKEN.");
	if (!whole)
		TRY(read_client_file(data, why, &local));
	if (url != NULL && url[0] != 0)
		TRY(take_url(client, url, why));
	else if (json_str(local, "url").n > 0 &&
		 bytes_str(json_str(local, "url"), text, sizeof text) == OK)
		TRY(take_url(client, text, why));
	else
		return complain(why, "No daemon has run yet on", data,
				"Start it with 'valetkey serve --data'.");
	if (token != NULL && token[0] != 0)
		return take_token(client, str(token), "VALETKEY_TOKEN", why);
	if (json_str(local, "token_file").n == 0 ||
	    bytes_str(json_str(local, "token_file"), text, sizeof text) != OK)
		return complain(why, "run/client.json names no token file in", data,
				"Set VALETKEY_TOKEN.");
	return take_token_file(client, text, why);
}

enum err client_new(const char *data, const char *tenant, struct client_why *why,
		    struct client **ret)
{
	scoped(client_free) struct client *client = calloc(1, sizeof *client);

	if (client == NULL)
		return FAULT_NOMEM;
	client->tenant = tenant;
	client->ca_file = getenv("VALETKEY_CA_FILE");
	TRY(find_daemon(client, data, why));
	TRY(httpc_init());
	*ret = take(client);
	return OK;
}

static enum err unreached(const struct client *client, const struct httpc_response *response,
			  struct client_why *why)
{
	snprintf(why->text, sizeof why->text, "%s does not answer%s%s%s", client->url,
		 response->why == NULL ? "." : " (", response->why == NULL ? "" : response->why,
		 response->why == NULL ? "" : ").");
	return ERR_PROVIDER_UNAVAILABLE;
}

static enum err take_answer(const struct httpc_response *response, struct client_answer *ret)
{
	struct client_answer answer = { .status = response->status };

	if (response->body.n > 0) {
		TRY(buf_dup(response->body, &answer.text));
		const enum err err = json_parse(response->body, &answer_limits, &answer.json);
		if (err < 0) {
			client_done(&answer);
			return err;
		}
	}
	*ret = answer;
	return OK;
}

enum err client_ask(struct client *client, const struct client_request *request,
		    struct client_why *why, struct client_answer *ret)
{
	scoped(httpc_answer_done) struct httpc_answer answer = { 0 };
	struct httpc_header headers[4];
	char url[CLIENT_URL_MAX + PATH_LEN];
	size_t n = 0;

	const bool site = request->path[0] == '/' && request->path[1] == '/';
	snprintf(url, sizeof url, "%s%s%s", client->url, site ? "" : "api/v1",
		 request->path + (site ? 2 : 0));
	headers[n++] = (struct httpc_header){ str("accept"), str("*/*") };
	if (!request->open)
		headers[n++] = (struct httpc_header){ str("authorization"),
						      secret_bytes(client->authorization) };
	if (client->tenant != NULL)
		headers[n++] = (struct httpc_header){ str("valetkey-tenant"), str(client->tenant) };
	if (request->type != NULL)
		headers[n++] = (struct httpc_header){ str("content-type"), str(request->type) };
	const struct httpc_request sent = {
		.method = request->method,
		.url = str(url),
		.headers = headers,
		.header_count = n,
		.body = request->body,
		.total_ms = ASK_MS,
		.answer_max = CLIENT_ANSWER_MAX,
		.ca_file = client->ca_file,
	};
	TRY(httpc_once(&sent, &answer));
	if (answer.response.outcome != HTTPC_ANSWERED)
		return unreached(client, &answer.response, why);
	return take_answer(&answer.response, ret);
}

void client_done(struct client_answer *answer)
{
	if (answer->text != NULL)
		wipe(answer->text->p, answer->text->n);
	buf_free(&answer->text);
	json_free(&answer->json);
	*answer = (struct client_answer){ 0 };
}
