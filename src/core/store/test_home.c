/* SPDX-License-Identifier: Apache-2.0 */
#include "core/store/test_home.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct store_keys home_keys(uint64_t generation)
{
	static const uint8_t tokhash[32] = { 1 }, rowmac[32] = { 2 }, text[32] = { 3 };

	return (struct store_keys){ 1, generation, tokhash, rowmac, text };
}

struct user_row home_user(const struct home *home)
{
	return (struct user_row){
		.id = home->user,
		.tenant = home->tenant,
		.issuer = str("local"),
		.subject = str(HOME_SUBJECT),
		.email = str(HOME_EMAIL),
		.name = str(HOME_NAME),
		.created = 1,
	};
}

struct connection_row home_connection(const struct home *home)
{
	return (struct connection_row){
		.id = home->connection,
		.tenant = home->tenant,
		.user = home->user,
		.service = str("github"),
		.alias = str("me"),
		.state = CONNECTION_CONNECTED,
		.account_id = str(HOME_ACCOUNT),
		.account_name = str(HOME_ACCOUNT_NAME),
		.scopes = str("read:user repo"),
		.variables = str(HOME_VARIABLES),
		.access = str(HOME_BLOB),
		.refresh = str(HOME_BLOB " to refresh"),
		.version = 1,
		.expires = 1000,
		.refresh_state = REFRESH_IDLE,
		.created = 1,
	};
}

struct binding_row home_binding(const struct home *home)
{
	return (struct binding_row){
		.vault = home->vault,
		.tenant = home->tenant,
		.connection = home->connection,
		.service = str("github"),
		.alias = str("me"),
		.is_default = true,
	};
}

static void put_tenants(struct home *home)
{
	const struct tenant_row rows[] = {
		{ .id = home->tenant, .name = str("default") },
		{ .id = home->other, .name = str("other") },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		must(store_tenant_put(home->store, &rows[i]));
}

static void put_vault(struct home *home)
{
	const struct agent_row agent = {
		.id = home->agent,
		.tenant = home->tenant,
		.name = str("Coder"),
		.client_id = str(HOME_CLIENT),
		.state = AGENT_ACTIVE,
	};
	const struct vault_row vault = {
		.id = home->vault,
		.tenant = home->tenant,
		.user = home->user,
		.agent = home->agent,
		.name = str("Coding"),
		.state = VAULT_ACTIVE,
		.policy_version = 1,
	};
	const struct policy_row policy = {
		.vault = home->vault,
		.tenant = home->tenant,
		.version = 1,
		.yaml = str(HOME_POLICY),
	};

	must(store_agent_put(home->store, &agent));
	must(store_vault_put(home->store, &vault));
	must(store_policy_put(home->store, &policy));
}

static void put_one_time(struct home *home)
{
	const struct own_token_row token = {
		.id = id_new(),
		.tenant = home->tenant,
		.kind = OWN_VAULT,
		.object = home->vault,
		.expires = 100,
	};
	const struct consent_row consent = {
		.id = id_new(),
		.tenant = home->tenant,
		.user = home->user,
		.service = str("github"),
		.scopes = str("repo"),
		.state = CONSENT_NEW,
		.expires = 100,
	};

	must(store_token_put(home->store, &token, str(HOME_TOKEN)));
	must(store_consent_put(home->store, &consent, str(HOME_TICKET)));
}

/* One of each text: the approval is settled. */
static void put_approval(struct home *home)
{
	const struct approval_row approval = {
		.id = home->approval,
		.tenant = home->tenant,
		.user = home->user,
		.vault = home->vault,
		.agent = home->agent,
		.connection = home->connection,
		.service = str("github"),
		.tool = str("issues.create"),
		.kind = APPROVAL_TOOL,
		.state = APPROVAL_PENDING,
		.summary = str(HOME_SUMMARY),
		.reason = str(HOME_REASON),
		.created = 1,
		.expires = 100,
		.rev = 1,
	};
	const struct totp_row totp = {
		.id = id_new(),
		.user = home->user,
		.tenant = home->tenant,
		.secret = str(HOME_SEED),
		.rev = 1,
	};

	must(store_approval_put(home->store, &approval, str(HOME_PAYLOAD)));
	must(store_totp_put(home->store, &totp));
}

int home_open(void **state)
{
	struct home *home = calloc(1, sizeof *home);
	const struct store_keys keys = home_keys(7);

	assert_non_null(home);
	snprintf(home->path, sizeof home->path, "/tmp/test_store.XXXXXX");
	assert_non_null(mkdtemp(home->path));
	home->dir = open(home->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(home->dir >= 0);
	must(store_open(home->dir, &keys, &home->store));
	home->tenant = id_new();
	home->other = id_new();
	home->approval = id_new();
	home->user = id_new();
	home->agent = id_new();
	home->vault = id_new();
	home->connection = id_new();
	must(store_begin(home->store));
	put_tenants(home);
	const struct user_row user = home_user(home);
	const struct connection_row connection = home_connection(home);
	const struct binding_row binding = home_binding(home);
	must(store_user_put(home->store, &user));
	put_vault(home);
	must(store_connection_put(home->store, &connection));
	must(store_binding_put(home->store, &binding));
	put_one_time(home);
	put_approval(home);
	*state = home;
	return 0;
}

void home_reopen(struct home *home, uint64_t generation)
{
	const struct store_keys keys = home_keys(generation);

	must(store_commit(home->store));
	store_close(&home->store);
	must(store_open(home->dir, &keys, &home->store));
	must(store_begin(home->store));
}

static int drop(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

int home_close(void **state)
{
	struct home *home = *state;

	store_close(&home->store);
	close(home->dir);
	nftw(home->path, drop, 8, FTW_DEPTH | FTW_PHYS);
	free(home);
	return 0;
}
