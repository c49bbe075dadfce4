/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/sandbox.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "codec/uri.h"
#include "crypto/crypto.h"
#include "sandbox/consent.h"
#include "sandbox/control.h"
#include "sandbox/oauth.h"

enum { PATH_MAX_BYTES = 4096, BODY_MAX_BYTES = 1024 * 1024, BACKLOG = 1024 };

enum wants { WANTS_NOTHING, WANTS_ACCOUNT, WANTS_API };

struct route {
	const char *method, *path; /* a "{}" part matches any one part, "{+}" all that is left */
	void (*answer)(struct call *call);
	enum wants wants;   /* a live access token, and which failures apply */
	const char *scopes; /* one of these; "": any token will do */
};

static const struct route routes[] = {
	{ "GET", "/", control_home, WANTS_NOTHING, "" },
	{ "GET", "/sandbox/control", control_show, WANTS_NOTHING, "" },
	{ "POST", "/sandbox/control", control_set, WANTS_NOTHING, "" },
	{ "GET", "/sandbox/observed", control_observed, WANTS_NOTHING, "" },

	{ "GET", "/github/login/oauth/authorize", consent_show, WANTS_NOTHING, "" },
	{ "POST", "/github/login/oauth/authorize", consent_decide, WANTS_NOTHING, "" },
	{ "POST", "/github/login/oauth/access_token", oauth_token, WANTS_NOTHING, "" },
	{ "DELETE", "/github/api/applications/{}/token", oauth_revoke_application, WANTS_NOTHING,
	  "" },
	{ "DELETE", "/github/api/applications/{}/grant", oauth_revoke_application, WANTS_NOTHING,
	  "" },
	{ "GET", "/github/api/user", world_github_user, WANTS_ACCOUNT, "" },
	{ "GET", "/github/api/user/repos", world_github_repos, WANTS_API, "repo" },
	{ "GET", "/github/api/repos/{}/{}", world_github_repo, WANTS_API, "repo" },
	{ "GET", "/github/api/repos/{}/{}/issues", world_github_issues, WANTS_API, "repo" },
	{ "POST", "/github/api/repos/{}/{}/issues", world_github_issue_new, WANTS_API, "repo" },
	{ "GET", "/github/api/repos/{}/{}/issues/{}", world_github_issue, WANTS_API, "repo" },
	{ "PATCH", "/github/api/repos/{}/{}/issues/{}", world_github_issue_edit, WANTS_API,
	  "repo" },
	{ "GET", "/github/api/repos/{}/{}/issues/{}/comments", world_github_comments, WANTS_API,
	  "repo" },
	{ "POST", "/github/api/repos/{}/{}/issues/{}/comments", world_github_comment_new, WANTS_API,
	  "repo" },
	{ "GET", "/github/api/repos/{}/{}/contents/{+}", world_github_file, WANTS_API, "repo" },
	{ "PUT", "/github/api/repos/{}/{}/contents/{+}", world_github_file_put, WANTS_API, "repo" },
	{ "DELETE", "/github/api/repos/{}/{}", world_github_repo_del, WANTS_API, "delete_repo" },
	{ "GET", "/github/api/repos/{}/{}/commits", world_github_commits, WANTS_API, "repo" },
	{ "GET", "/github/api/repos/{}/{}/pulls", world_github_pulls, WANTS_API, "repo" },
	{ "GET", "/github/api/repos/{}/{}/pulls/{}", world_github_pull, WANTS_API, "repo" },
	{ "PUT", "/github/api/repos/{}/{}/pulls/{}/merge", world_github_merge, WANTS_API, "repo" },
	{ "GET", "/github/api/issues", world_github_my_issues, WANTS_API, "repo" },
	{ "GET", "/github/api/search/issues", world_github_search, WANTS_API, "repo" },
	{ "GET", "/github/api/notifications", world_github_notifications, WANTS_API,
	  "notifications" },

	{ "GET", "/google/o/oauth2/v2/auth", consent_show, WANTS_NOTHING, "" },
	{ "POST", "/google/o/oauth2/v2/auth", consent_decide, WANTS_NOTHING, "" },
	{ "POST", "/google/token", oauth_token, WANTS_NOTHING, "" },
	{ "POST", "/google/revoke", oauth_revoke, WANTS_NOTHING, "" },
	{ "GET", "/google/oauth2/v3/userinfo", world_google_userinfo, WANTS_ACCOUNT, "" },
	{ "GET", "/google/api/gmail/v1/users/me/messages", world_google_mails, WANTS_API, "" },
	{ "POST", "/google/api/gmail/v1/users/me/messages/send", world_google_send, WANTS_API, "" },
	{ "GET", "/google/api/gmail/v1/users/me/messages/{}", world_google_mail, WANTS_API, "" },
	{ "GET", "/google/api/calendar/v3/calendars/{}/events", world_google_events, WANTS_API,
	  "" },
	{ "POST", "/google/api/calendar/v3/calendars/{}/events", world_google_event_new, WANTS_API,
	  "" },
	{ "DELETE", "/google/api/calendar/v3/calendars/{}/events/{}", world_google_event_del,
	  WANTS_API, "" },
	{ "GET", "/google/api/drive/v3/files", world_google_files, WANTS_API, "" },
	{ "POST", "/google/api/drive/v3/files", world_google_file_new, WANTS_API, "" },
	{ "GET", "/google/api/drive/v3/files/{}", world_google_file, WANTS_API, "" },

	{ "GET", "/slack/oauth/v2/authorize", consent_show, WANTS_NOTHING, "" },
	{ "POST", "/slack/oauth/v2/authorize", consent_decide, WANTS_NOTHING, "" },
	{ "POST", "/slack/api/oauth.v2.access", oauth_token, WANTS_NOTHING, "" },
	{ "GET", "/slack/api/auth.revoke", oauth_revoke_bearer, WANTS_NOTHING, "" },
	{ "POST", "/slack/api/auth.revoke", oauth_revoke_bearer, WANTS_NOTHING, "" },
	{ "GET", "/slack/api/auth.test", world_slack_test, WANTS_ACCOUNT, "" },
	{ "POST", "/slack/api/auth.test", world_slack_test, WANTS_ACCOUNT, "" },
	{ "GET", "/slack/api/conversations.list", world_slack_channels, WANTS_API,
	  "channels:read im:read" },
	{ "GET", "/slack/api/conversations.info", world_slack_channel, WANTS_API,
	  "channels:read im:read" },
	{ "GET", "/slack/api/conversations.history", world_slack_history, WANTS_API,
	  "channels:history im:history" },
	{ "GET", "/slack/api/conversations.replies", world_slack_replies, WANTS_API,
	  "channels:history im:history" },
	{ "POST", "/slack/api/reactions.add", world_slack_react, WANTS_API, "reactions:write" },
	{ "POST", "/slack/api/conversations.archive", world_slack_archive, WANTS_API,
	  "channels:manage channels:write" },
	{ "POST", "/slack/api/conversations.rename", world_slack_rename, WANTS_API,
	  "channels:manage channels:write" },
	{ "GET", "/slack/api/users.list", world_slack_users, WANTS_API, "users:read" },
	{ "POST", "/slack/api/chat.postMessage", world_slack_post, WANTS_API, "chat:write" },
	{ "POST", "/slack/api/conversations.create", world_slack_channel_new, WANTS_API,
	  "channels:manage channels:write" },

	{ "GET", "/atlassian/authorize", consent_show, WANTS_NOTHING, "" },
	{ "POST", "/atlassian/authorize", consent_decide, WANTS_NOTHING, "" },
	{ "POST", "/atlassian/oauth/token", oauth_token, WANTS_NOTHING, "" },
	{ "GET", "/atlassian/oauth/token/accessible-resources", world_jira_sites, WANTS_API, "" },
	{ "GET", "/atlassian/me", world_jira_me, WANTS_ACCOUNT, "" },
	{ "GET", "/atlassian/ex/jira/{}/rest/api/3/search/jql", world_jira_search, WANTS_API,
	  "read:jira-work" },
	{ "GET", "/atlassian/ex/jira/{}/rest/api/3/search", world_jira_search, WANTS_API,
	  "read:jira-work" },
	{ "POST", "/atlassian/ex/jira/{}/rest/api/3/issue", world_jira_issue_new, WANTS_API,
	  "write:jira-work" },
	{ "GET", "/atlassian/ex/jira/{}/rest/api/3/issue/{}", world_jira_issue, WANTS_API,
	  "read:jira-work" },
	{ "GET", "/atlassian/ex/jira/{}/rest/api/3/issue/{}/transitions", world_jira_transitions,
	  WANTS_API, "read:jira-work" },
	{ "POST", "/atlassian/ex/jira/{}/rest/api/3/issue/{}/transitions", world_jira_transition,
	  WANTS_API, "write:jira-work" },
	{ "GET", "/atlassian/ex/jira/{}/rest/api/3/issue/{}/comment", world_jira_comments,
	  WANTS_API, "read:jira-work" },
	{ "POST", "/atlassian/ex/jira/{}/rest/api/3/issue/{}/comment", world_jira_comment_new,
	  WANTS_API, "write:jira-work" },
	{ "GET", "/atlassian/ex/jira/{}/rest/api/3/project/search", world_jira_projects, WANTS_API,
	  "read:jira-work" },
	{ "GET", "/atlassian/ex/jira/{}/rest/api/3/project/{}", world_jira_project, WANTS_API,
	  "read:jira-work" },

	{ "GET", "/notes/authorize", consent_show, WANTS_NOTHING, "" },
	{ "POST", "/notes/authorize", consent_decide, WANTS_NOTHING, "" },
	{ "POST", "/notes/token", oauth_token, WANTS_NOTHING, "" },
	{ "POST", "/notes/revoke", oauth_revoke, WANTS_NOTHING, "" },
	{ "GET", "/notes/me", world_notes_me, WANTS_ACCOUNT, "" },
	{ "GET", "/notes/api/notes/{}", world_notes_note, WANTS_API, "notes.read" },
};

static bool path_matches(struct call *call, const char *pattern, struct bytes path)
{
	struct bytes want = str(pattern);
	size_t n = 0;

	while (want.n > 0 && path.n > 0) {
		const struct bytes part = bytes_cut(&want, '/'), all = path;
		const struct bytes got = bytes_cut(&path, '/');

		if (bytes_is(part, "{+}") && n < CALL_PARAMS_MAX) {
			call->params[n] = all;
			return true;
		}
		if (!bytes_is(part, "{}")) {
			if (!bytes_eq(part, got))
				return false;
			continue;
		}
		if (got.n == 0 || n == CALL_PARAMS_MAX)
			return false;
		call->params[n++] = got;
	}
	return want.n == 0 && path.n == 0;
}

static const struct route *find_route(struct call *call, struct bytes path, bool *ret_other)
{
	const struct bytes method = httpd_method(call->request);

	*ret_other = false;
	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		if (!path_matches(call, routes[i].path, path))
			continue;
		if (bytes_is(method, routes[i].method))
			return &routes[i];
		*ret_other = true;
	}
	return NULL;
}

static void take_bearer(struct call *call)
{
	struct bytes header = httpd_header(call->request, "Authorization");

	if (header.n > 7 && bytes_caseis((struct bytes){ header.p, 7 }, "Bearer "))
		call->bearer = (struct bytes){ header.p + 7, header.n - 7 };
	else if (header.n > 6 && bytes_caseis((struct bytes){ header.p, 6 }, "token "))
		call->bearer = (struct bytes){ header.p + 6, header.n - 6 };
}

/* True: the bearer token is good for @route, and nothing is armed against it. */
static bool admit(struct call *call, const struct route *route)
{
	struct grants *grants = &call->box->grants;

	if (call_fault(call, route->wants == WANTS_ACCOUNT ? FAULT_AT_ACCOUNT : FAULT_AT_API))
		return false;
	call->token = call->bearer.n == 0 ? NULL : grants_find(grants, call->bearer);
	if (call->token != NULL)
		call->token->presented++;
	if (call->token == NULL || call->token->kind != GRANT_ACCESS ||
	    !grants_alive(grants, call->token)) {
		call_refuse(call, 401,
			    call->brand == BRAND_SLACK ? "invalid_auth" : "Bad credentials");
		return false;
	}
	call->grant = grants_get(grants, call->token->grant);
	if (call->grant->brand != call->brand) {
		call_refuse(call, 401, "Bad credentials");
		return false;
	}
	if (!call_has_scope(call, route->scopes)) {
		call_refuse(call, 403, "missing_scope");
		return false;
	}
	grants_count(grants, call->brand, COUNT_API_OK);
	return true;
}

/* A web page elsewhere could reach us by a name of its own that leads here; it cannot set Host. */
static bool host_is_ours(const struct call *call)
{
	struct bytes host = httpd_header(call->request, "Host");

	return bytes_starts(host, "127.0.0.1") || bytes_starts(host, "localhost") ||
	       bytes_starts(host, "[::1]");
}

static bool read_body(struct call *call)
{
	const struct bytes type = httpd_header(call->request, "Content-Type");
	const struct bytes body = httpd_body(call->request);

	if (body.n == 0)
		return true;
	if (bytes_starts(type, "application/x-www-form-urlencoded"))
		return form_parse(body, &call->form) == OK;
	if (bytes_starts(type, "application/json"))
		return json_parse(body, &json_request_limits, &call->json) == OK;
	return true;
}

static void serve(struct call *call, struct bytes path)
{
	bool other_method;
	const struct route *route = find_route(call, path, &other_method);
	struct bytes rest = { path.p + 1, path.n - 1 };

	/* The sandbox's own pages have no brand; the first is as good as any. */
	if (brand_by_folder(bytes_cut(&rest, '/'), &call->brand) != OK)
		call->brand = BRAND_GITHUB;
	take_bearer(call);
	if (!host_is_ours(call))
		call_text(call, 421, "text/plain", str("The sandbox serves this machine only.\n"));
	else if (route == NULL && other_method)
		call_text(call, 405, "text/plain", str("Method not allowed.\n"));
	else if (route == NULL)
		call_text(call, 404, "text/plain", str("The sandbox has nothing here.\n"));
	else if (!read_body(call))
		call_text(call, 400, "text/plain", str("The body cannot be read.\n"));
	else if (route->wants == WANTS_NOTHING || admit(call, route))
		route->answer(call);
}

static void on_request(void *ctx, struct httpd_request *request)
{
	struct call call = { .box = ctx, .request = request };
	struct bytes query = httpd_target(request);
	const struct bytes raw = bytes_cut(&query, '?');
	struct dynbuf path;

	dynbuf_init(&path, PATH_MAX_BYTES);
	if (uri_path_decode(raw, &path) != OK || path.n == 0 || path.p[0] != '/' ||
	    form_parse(query, &call.query) != OK)
		call_text(&call, 400, "text/plain", str("The address cannot be read.\n"));
	else
		serve(&call, dynbuf_view(&path));
	form_done(&call.query);
	form_done(&call.form);
	json_decref(call.json);
	dynbuf_done(&path);
}

static void on_gone(void *ctx, struct httpd_request *request)
{
	call_left(ctx, request);
}

/* "127.0.0.1:7071" or "[::1]:7071"; loopback only. */
static bool parse_address(const char *text, struct sockaddr_storage *ret, socklen_t *ret_n)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
	const char *colon = strrchr(text, ':');
	char host[64];
	uint64_t port;

	*ret = (struct sockaddr_storage){ 0 };
	if (colon == NULL || (size_t)(colon - text) >= sizeof(host) ||
	    bytes_u64(str(colon + 1), UINT16_MAX, &port) != OK)
		return false;
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	if (strcmp(host, "[::1]") == 0) {
		v6->sin6_family = AF_INET6;
		v6->sin6_addr = in6addr_loopback;
		v6->sin6_port = htons((uint16_t)port);
		*ret_n = sizeof(*v6);
		return true;
	}
	v4->sin_family = AF_INET;
	v4->sin_port = htons((uint16_t)port);
	*ret_n = sizeof(*v4);
	return inet_pton(AF_INET, host, &v4->sin_addr) == 1 &&
	       (ntohl(v4->sin_addr.s_addr) >> 24) == 127;
}

/* Answers the socket, or -1. Fills in @origin. */
static int listen_at(const char *text, char origin[64])
{
	struct sockaddr_storage address;
	socklen_t n;
	const int one = 1;
	int fd;

	if (!parse_address(text, &address, &n)) {
		fprintf(stderr, "sandbox: --listen takes a loopback address and a port, such as "
				"127.0.0.1:7071\n");
		return -1;
	}
	fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
	    bind(fd, (struct sockaddr *)&address, n) != 0 || listen(fd, BACKLOG) != 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &n) != 0) {
		fprintf(stderr, "sandbox: cannot listen on %s: %m\n", text);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	snprintf(origin, 64, "http://%.*s:%u", (int)(strrchr(text, ':') - text), text,
		 (unsigned)ntohs(((struct sockaddr_in *)&address)->sin_port));
	return fd;
}

static enum err run(struct box *box, int fd)
{
	static const struct httpd_limits limits = {
		.body_max = BODY_MAX_BYTES,
		.header_max = 32 * 1024,
		.target_max = 16 * 1024,
		.header_lines = 100,
		.connections = 2048,
		.head_ms = 10000,
		.idle_ms = 60000,
	};
	static const struct httpd_tls plain = { 0 };

	TRY(loop_new(&box->loop));
	TRY(grants_init(&box->grants));
	TRY(world_init(&box->world));
	TRY(loop_timer_new(box->loop, call_due, box, &box->timer));
	control_reset(box);
	TRY(httpd_new(box->loop, fd, &limits, &plain, on_request, on_gone, box, &box->httpd));
	printf("sandbox listening on %s/\n", box->origin);
	fflush(stdout);
	return loop_run(box->loop);
}

int sandbox_main(int argc, char **argv)
{
	static struct box box;
	const char *address = "127.0.0.1:7071";
	enum err err;
	int fd;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--listen") == 0 && i + 1 < argc) {
			address = argv[++i];
		} else {
			fprintf(stderr, "usage: sandbox [--listen ADDR:PORT]\n");
			return 2;
		}
	}
	log_init("sandbox", LOG_INFO);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	signal(SIGPIPE, SIG_IGN);
	if (crypto_init() != OK)
		return 1;
	fd = listen_at(address, box.origin);
	if (fd < 0)
		return 1;
	err = run(&box, fd);
	httpd_free(&box.httpd);
	loop_timer_free(&box.timer);
	loop_free(&box.loop);
	grants_done(&box.grants);
	world_done(&box.world);
	return err == OK ? 0 : 1;
}
