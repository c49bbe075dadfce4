/* SPDX-License-Identifier: Apache-2.0 */
#include "httpc/transfer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/wiped.h"

enum { REQUEST_BODY_MAX = 8 * 1024 * 1024, PIN_MAX = 4096, STREAM_BUFFER = 64 * 1024 };

static const char *const methods[] = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" };

/* What libcurl writes itself, or what would change how the message is framed or decoded. */
static const char *const reserved[] = {
	"host",
	"content-length",
	"transfer-encoding",
	"connection",
	"keep-alive",
	"upgrade",
	"te",
	"trailer",
	"expect",
	"accept-encoding",
	"proxy-authorization",
	"cookie",
};

static bool method_ok(const char *method)
{
	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (strcmp(method, methods[i]) == 0)
			return true;
	return false;
}

/* Safe to lose and to repeat (RFC 9110 9.2.1). */
static bool method_safe(const char *method)
{
	return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0 ||
	       strcmp(method, "OPTIONS") == 0;
}

static bool name_ok(struct bytes name)
{
	for (size_t i = 0; i < name.n; i++) {
		const uint8_t c = name.p[i];
		if (c <= 0x20 || c >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", c) != NULL)
			return false;
	}
	return name.n > 0 && name.n <= 256;
}

static bool value_ok(struct bytes value)
{
	for (size_t i = 0; i < value.n; i++)
		if ((value.p[i] < 0x20 && value.p[i] != '\t') || value.p[i] == 0x7f)
			return false;
	return true;
}

static enum err header_line(struct bytes name, struct bytes value, struct curl_slist **headers)
{
	struct dynbuf line;

	dynbuf_init(&line, name.n + value.n + 8);
	wiped_reserve(&line, name.n + value.n + 3);
	dynbuf_bytes(&line, name);
	/* libcurl's spelling: "Name:" takes a header away, "Name;" sends it empty. */
	dynbuf_str(&line, value.n == 0 ? ";" : ": ");
	dynbuf_bytes(&line, value);
	dynbuf_u8(&line, 0);
	struct curl_slist *list = NULL;
	if (dynbuf_err(&line) == OK)
		list = curl_slist_append(*headers, (const char *)line.p);
	wiped_done(&line);
	if (list == NULL)
		return FAULT_NOMEM;
	*headers = list;
	return OK;
}

static enum err no_header(const char *line, struct curl_slist **headers)
{
	struct curl_slist *list = curl_slist_append(*headers, line);

	if (list == NULL)
		return FAULT_NOMEM;
	*headers = list;
	return OK;
}

static enum err set_headers(struct httpc_transfer *t, const struct httpc_request *request)
{
	bool typed = false;

	if (request->header_count > HTTPC_HEADERS_MAX)
		return ERR_MALFORMED;
	for (size_t i = 0; i < request->header_count; i++) {
		const struct httpc_header *header = &request->headers[i];
		if (!name_ok(header->name) || !value_ok(header->value))
			return ERR_MALFORMED;
		for (size_t k = 0; k < ARRAY_LEN(reserved); k++)
			if (bytes_caseis(header->name, reserved[k]))
				return ERR_MALFORMED;
		typed = typed || bytes_caseis(header->name, "content-type");
		TRY(header_line(header->name, header->value, &t->headers));
	}
	if (!typed)
		TRY(no_header("Content-Type:", &t->headers));
	if (t->stream.head != NULL)
		TRY(no_header("Accept-Encoding: identity", &t->headers));
	TRY(no_header("Expect:", &t->headers));
	return curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers) == CURLE_OK ? OK
										     : FAULT_BUG;
}

/* libcurl must read the same host and port as uri.c did, or a check of the one would be about
 * another (127.1, 0x7f000001). */
static enum err set_url(struct httpc_transfer *t, struct bytes text)
{
	struct uri uri;
	char url[8192 + 1];
	char *host = NULL, *port = NULL;

	TRY(uri_parse(text, &uri));
	if (bytes_str(text, url, sizeof url) != OK)
		return ERR_MALFORMED;
	TRY(bytes_str(uri.host, t->host, sizeof t->host));
	t->port = uri.port;
	t->tls = uri.https;
	t->url = curl_url();
	if (t->url == NULL)
		return FAULT_NOMEM;
	enum err err = ERR_MALFORMED;
	if (curl_url_set(t->url, CURLUPART_URL, url, CURLU_PATH_AS_IS) == CURLUE_OK &&
	    curl_url_get(t->url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
	    curl_url_get(t->url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK) {
		char bracketed[TRANSFER_HOST_MAX + 2], number[8];
		const bool ipv6 = strchr(t->host, ':') != NULL;
		(void)snprintf(bracketed, sizeof bracketed, ipv6 ? "[%s]" : "%s", t->host);
		(void)snprintf(number, sizeof number, "%u", (unsigned)t->port);
		if (strcmp(host, bracketed) == 0 && strcmp(port, number) == 0)
			err = OK;
	}
	curl_free(host);
	curl_free(port);
	wipe(url, sizeof url);
	if (err == OK && curl_easy_setopt(t->easy, CURLOPT_CURLU, t->url) != CURLE_OK)
		err = FAULT_NOMEM;
	return err;
}

static size_t on_upload(char *to, size_t size, size_t n, void *ctx)
{
	struct httpc_transfer *t = ctx;
	const long got = t->stream.upload(t->ctx, (uint8_t *)to, size * n);

	t->starved = got == HTTPC_UPLOAD_WAIT;
	if (t->on_moved != NULL)
		t->on_moved(t);
	if (got == HTTPC_UPLOAD_WAIT)
		return CURL_READFUNC_PAUSE;
	return got == HTTPC_UPLOAD_BROKEN ? CURL_READFUNC_ABORT : (size_t)got;
}

static enum err set_upload(struct httpc_transfer *t)
{
	const bool known = t->stream.upload_length != HTTPC_LENGTH_UNKNOWN;
	CURLcode code = CURLE_OK;

	code |= curl_easy_setopt(t->easy, CURLOPT_UPLOAD, 1L);
	code |= curl_easy_setopt(t->easy, CURLOPT_INFILESIZE_LARGE,
				 known ? (curl_off_t)t->stream.upload_length : -1);
	code |= curl_easy_setopt(t->easy, CURLOPT_READFUNCTION, on_upload);
	code |= curl_easy_setopt(t->easy, CURLOPT_READDATA, t);
	return code == CURLE_OK ? OK : FAULT_NOMEM;
}

static enum err set_body(struct httpc_transfer *t, struct bytes from)
{
	CURLcode code = CURLE_OK;

	dynbuf_init(&t->request, REQUEST_BODY_MAX);
	wiped_put(&t->request, from);
	TRY(dynbuf_err(&t->request) == OK ? OK : ERR_MALFORMED);
	const void *body = t->request.n > 0 ? (const void *)t->request.p : "";
	code |= curl_easy_setopt(t->easy, CURLOPT_POST, 1L);
	code |= curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->request.n);
	code |= curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, body);
	return code == CURLE_OK ? OK : FAULT_NOMEM;
}

static enum err set_method(struct httpc_transfer *t, const struct httpc_request *request)
{
	CURLcode code = CURLE_OK;

	if (t->stream.upload != NULL)
		TRY(set_upload(t));
	else if (request->body.n > 0 || request->method[0] == 'P')
		TRY(set_body(t, request->body));
	if (strcmp(request->method, "HEAD") == 0)
		code |= curl_easy_setopt(t->easy, CURLOPT_NOBODY, 1L);
	else
		code |= curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, request->method);
	const long once = method_safe(request->method) ? 0 : 1;
	code |= curl_easy_setopt(t->easy, CURLOPT_FRESH_CONNECT, once);
	return code == CURLE_OK ? OK : FAULT_NOMEM;
}

static bool split_head(struct httpc_transfer *t);
static bool coded(const struct httpc_response *response);

/* Of the request as it was sent: what a HEAD or a 304 tells is not a length of this body. */
static uint64_t told_length(struct httpc_transfer *t)
{
	curl_off_t length = -1;

	(void)curl_easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	return length < 0 ? HTTPC_LENGTH_UNKNOWN : (uint64_t)length;
}

/* More than one length, or a length beside chunks: two readers could find two bodies (RFC
 * 9112 6.3). */
static bool framed_once(const struct httpc_transfer *t)
{
	size_t lengths = 0, codings = 0;

	for (size_t i = 0; i < t->found_count; i++) {
		lengths += bytes_is(t->found[i].name, "content-length");
		codings += bytes_is(t->found[i].name, "transfer-encoding");
	}
	return lengths + codings <= 1;
}

/* The head of the answer itself, not of an interim one, is whole. */
static bool show_head(struct httpc_transfer *t)
{
	struct httpc_response response = { .outcome = HTTPC_ANSWERED };
	long status = 0;

	(void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (t->stream.head == NULL || status < 200)
		return true;
	if (!split_head(t))
		return false;
	response.status = (int)status;
	response.headers = t->found;
	response.header_count = t->found_count;
	if (coded(&response) || !framed_once(t))
		return false;
	t->streaming = t->stream.head(t->ctx, &response, told_length(t));
	return true;
}

static size_t on_head(char *p, size_t size, size_t n, void *ctx)
{
	struct httpc_transfer *t = ctx;
	struct bytes line = { (const uint8_t *)p, size * n };

	if (!t->heard && t->on_heard != NULL)
		t->on_heard(t);
	t->heard = true;
	t->head_seen += line.n;
	if (t->head_seen > HTTPC_HEAD_MAX) {
		t->broken = true;
		return 0;
	}
	if (t->body_begun)
		return size * n; /* a trailer: nobody asked for it */
	while (line.n > 0 && (line.p[line.n - 1] == '\n' || line.p[line.n - 1] == '\r'))
		line.n--;
	if (bytes_starts(line, "HTTP/")) {
		dynbuf_reset(&t->head); /* what came before was an interim answer */
		t->head_done = false;
	} else if (line.n == 0) {
		t->head_done = true;
		if (!show_head(t)) {
			t->broken = true;
			return 0;
		}
	} else {
		wiped_put(&t->head, line);
		dynbuf_u8(&t->head, '\n');
	}
	return size * n;
}

static size_t on_body(char *p, size_t size, size_t n, void *ctx)
{
	struct httpc_transfer *t = ctx;
	const struct bytes piece = { (const uint8_t *)p, size * n };

	t->body_begun = true;
	if (t->streaming) {
		t->full = !t->stream.piece(t->ctx, piece);
		if (t->on_moved != NULL)
			t->on_moved(t);
		if (t->full)
			return CURL_WRITEFUNC_PAUSE;
		t->body_bytes += piece.n;
		return piece.n;
	}
	t->body_bytes += piece.n;
	wiped_put(&t->body, piece);
	if (dynbuf_err(&t->body) != OK) {
		t->broken = true;
		return 0;
	}
	return piece.n;
}

/* Connected, TLS done, nothing of the request sent: from here on it may have arrived. */
static int on_ready(void *ctx, char *peer, char *local, int peer_port, int local_port)
{
	struct httpc_transfer *t = ctx;

	t->sent = true;
	if (t->on_sent != NULL)
		t->on_sent(t);
	return CURL_PREREQFUNC_OK;
}

static curl_socket_t on_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct httpc_transfer *t = ctx;

	if (purpose != CURLSOCKTYPE_IPCXN ||
	    (t->permit != NULL && !t->permit(t->ctx, &address->addr))) {
		t->blocked = true;
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static enum err set_rules(struct httpc_transfer *t, const struct httpc_request *request)
{
	CURL *easy = t->easy;
	CURLcode code = CURLE_OK;

	code |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	code |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	code |= curl_easy_setopt(easy, CURLOPT_PROXY, "");
	code |= curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	code |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	code |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	code |= curl_easy_setopt(easy, CURLOPT_USERAGENT, "valetkey/" VALETKEY_VERSION);
	code |= curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	code |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	code |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	code |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)HTTPC_CONNECT_MS);
	code |= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)t->total_ms);
	code |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->why);
	code |= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_head);
	code |= curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
	code |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	code |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
	code |= curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_ready);
	code |= curl_easy_setopt(easy, CURLOPT_PREREQDATA, t);
	code |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket);
	code |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, t);
	code |= curl_easy_setopt(easy, CURLOPT_PRIVATE, t);
	if (request->stream != NULL)
		code |= curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)STREAM_BUFFER);
	if (request->ca_file != NULL)
		code |= curl_easy_setopt(easy, CURLOPT_CAINFO, request->ca_file);
	return code == CURLE_OK ? OK : FAULT_NOMEM;
}

enum err transfer_new(const struct httpc_request *request, struct httpc_transfer **ret)
{
	if (!method_ok(request->method))
		return ERR_MALFORMED;
	scoped(transfer_free) struct httpc_transfer *t = calloc(1, sizeof *t);
	if (t == NULL)
		return FAULT_NOMEM;
	t->began = clock_boot();
	t->total_ms = request->total_ms == 0 ? HTTPC_TOTAL_MS : request->total_ms;
	t->first_ms = request->first_ms == 0 ? HTTPC_FIRST_BYTE_MS : request->first_ms;
	t->idle_ms = request->idle_ms;
	if (request->stream != NULL)
		t->stream = *request->stream;
	dynbuf_init(&t->head, 2 * HTTPC_HEAD_MAX);
	dynbuf_init(&t->body, request->answer_max);
	t->easy = curl_easy_init();
	if (t->easy == NULL)
		return FAULT_NOMEM;
	TRY(set_rules(t, request));
	TRY(set_url(t, request->url));
	TRY(set_method(t, request));
	TRY(set_headers(t, request));
	*ret = take(t);
	return OK;
}

void transfer_free(struct httpc_transfer **transferp)
{
	struct httpc_transfer *t = *transferp;

	if (t == NULL)
		return;
	*transferp = NULL;
	curl_easy_cleanup(t->easy);
	curl_url_cleanup(t->url);
	curl_slist_free_all(t->headers);
	curl_slist_free_all(t->pins);
	wiped_done(&t->request);
	wiped_done(&t->head);
	wiped_done(&t->body);
	free(t);
}

enum err transfer_trust(struct httpc_transfer *t, struct bytes pem)
{
	struct curl_blob blob = { (void *)(uintptr_t)pem.p, pem.n, CURL_BLOB_NOCOPY };
	CURLcode code = curl_easy_setopt(t->easy, CURLOPT_CAINFO_BLOB, &blob);

	/* The paths compiled into libcurl would be opened beside the blob. */
	code |= curl_easy_setopt(t->easy, CURLOPT_CAINFO, NULL);
	code |= curl_easy_setopt(t->easy, CURLOPT_CAPATH, NULL);
	return code == CURLE_OK ? OK : FAULT_NOMEM;
}

static enum err pin_address(struct dynbuf *pin, const struct sockaddr_storage *address)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)address;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
	char text[INET6_ADDRSTRLEN];
	const void *raw = &in->sin_addr;

	if (address->ss_family == AF_INET6)
		raw = &in6->sin6_addr;
	if (inet_ntop(address->ss_family, raw, text, sizeof text) == NULL)
		return FAULT_BUG;
	dynbuf_printf(pin, address->ss_family == AF_INET6 ? "[%s]" : "%s", text);
	return OK;
}

enum err transfer_pin(struct httpc_transfer *t, const struct sockaddr_storage *addresses,
		      size_t count)
{
	struct dynbuf pin;

	dynbuf_init(&pin, PIN_MAX);
	dynbuf_printf(&pin, strchr(t->host, ':') != NULL ? "[%s]:%u:" : "%s:%u:", t->host,
		      (unsigned)t->port);
	enum err err = OK;
	for (size_t i = 0; i < count && err == OK; i++) {
		dynbuf_str(&pin, i > 0 ? "," : "");
		err = pin_address(&pin, &addresses[i]);
	}
	dynbuf_u8(&pin, 0);
	if (err == OK)
		err = dynbuf_err(&pin);
	if (err == OK)
		t->pins = curl_slist_append(NULL, (const char *)pin.p);
	dynbuf_done(&pin);
	if (err == OK &&
	    (t->pins == NULL || curl_easy_setopt(t->easy, CURLOPT_RESOLVE, t->pins) != CURLE_OK))
		err = FAULT_NOMEM;
	return err;
}

/* Splits the head into found[], in place. False: it is not what HTTP permits. */
static bool split_head(struct httpc_transfer *t)
{
	struct bytes rest = dynbuf_view(&t->head);
	uint8_t *p = t->head.p;

	if (dynbuf_err(&t->head) != OK)
		return false;
	for (t->found_count = 0; rest.n > 0; t->found_count++) {
		struct bytes value = bytes_cut(&rest, '\n');
		const size_t line_n = value.n;
		const struct bytes name = bytes_cut(&value, ':');
		if (t->found_count == HTTPC_HEADERS_MAX || name.n == line_n || !name_ok(name))
			return false;
		for (size_t i = 0; i < name.n; i++)
			if (p[i] >= 'A' && p[i] <= 'Z')
				p[i] = (uint8_t)(p[i] | 0x20);
		for (; value.n > 0 && (*value.p == ' ' || *value.p == '\t'); value.n--)
			value.p++;
		while (value.n > 0 && (value.p[value.n - 1] == ' ' || value.p[value.n - 1] == '\t'))
			value.n--;
		if (!value_ok(value))
			return false;
		t->found[t->found_count] = (struct httpc_header){ name, value };
		p += line_n + 1;
	}
	return true;
}

enum httpc_outcome transfer_judge(const struct httpc_transfer *t, CURLcode code)
{
	static const CURLcode unusable[] = {
		CURLE_WEIRD_SERVER_REPLY,
		CURLE_UNSUPPORTED_PROTOCOL,
		CURLE_BAD_CONTENT_ENCODING,
		CURLE_FILESIZE_EXCEEDED,
	};

	if (t->broken)
		return HTTPC_UNUSABLE;
	/* libcurl takes a head that ends with the connection for a whole one. */
	if (code == CURLE_OK)
		return t->head_done ? HTTPC_ANSWERED : HTTPC_UNKNOWN;
	if (!t->sent)
		return t->blocked ? HTTPC_BLOCKED : HTTPC_UNREACHABLE;
	for (size_t i = 0; i < ARRAY_LEN(unusable); i++)
		if (code == unusable[i])
			return HTTPC_UNUSABLE;
	return HTTPC_UNKNOWN;
}

/* Any coding would need a decoder with bounds of its own. */
static bool coded(const struct httpc_response *response)
{
	const struct bytes coding = httpc_find(response, "content-encoding");

	return coding.n > 0 && !bytes_caseis(coding, "identity");
}

void transfer_response(struct httpc_transfer *t, enum httpc_outcome outcome,
		       struct httpc_response *ret)
{
	static const char *const says[] = {
		[HTTPC_BLOCKED] = "the address is not one that may be connected to",
		[HTTPC_UNREACHABLE] = "no connection could be made",
		[HTTPC_UNKNOWN] = "the connection ended before the whole answer came",
		[HTTPC_UNUSABLE] = "the answer breaks the limits or HTTP itself",
	};
	struct httpc_response response = { .duration_us = clock_boot() - t->began,
					   .body_bytes = t->body_bytes };
	long status = 0;

	if (outcome == HTTPC_ANSWERED) {
		(void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
		if ((t->stream.head == NULL && !split_head(t)) || status < 100 || status > 999)
			outcome = HTTPC_UNUSABLE;
		response.headers = t->found;
		response.header_count = t->found_count;
		response.body = dynbuf_view(&t->body);
		if (coded(&response))
			outcome = HTTPC_UNUSABLE;
	}
	*ret = (struct httpc_response){ .duration_us = response.duration_us,
					.body_bytes = response.body_bytes };
	if (outcome == HTTPC_ANSWERED) {
		*ret = response;
		ret->status = (int)status;
	} else {
		ret->why = says[outcome];
	}
	ret->outcome = outcome;
}

struct bytes httpc_find(const struct httpc_response *response, const char *name)
{
	for (size_t i = 0; i < response->header_count; i++)
		if (bytes_is(response->headers[i].name, name))
			return response->headers[i].value;
	return (struct bytes){ NULL, 0 };
}
