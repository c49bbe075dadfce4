/* SPDX-License-Identifier: Apache-2.0 */
#include "core/store/sqlite/schema.h"

#include "core/store/sqlite/columns.def"

/*
 * Keys begin with the tenant, so a reference cannot cross the wall between two
 * of them. Narrow tables have no rowid; those with blobs have one, because the
 * inner pages of the other kind carry whole rows. Blobs and texts that are
 * not always wanted stand last: reading stops before their overflow pages.
 */
static const char *const migrations[] = {
	"PRAGMA application_id = 1986753329;"
	"CREATE TABLE meta("
	" name TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL, mac BLOB NOT NULL"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE tenants("
	" id BLOB NOT NULL PRIMARY KEY, rev INTEGER NOT NULL, name TEXT NOT NULL UNIQUE,"
	" created INTEGER NOT NULL, mac BLOB NOT NULL"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE users("
	" id BLOB NOT NULL, tenant BLOB NOT NULL REFERENCES tenants(id), rev INTEGER NOT NULL,"
	" issuer TEXT NOT NULL, subject BLOB NOT NULL, email BLOB NOT NULL, name BLOB NOT NULL,"
	" created INTEGER NOT NULL, subject_index BLOB NOT NULL, mac BLOB NOT NULL,"
	" PRIMARY KEY(tenant, id), UNIQUE(tenant, subject_index)"
	") STRICT;"
	"CREATE TABLE agents("
	" id BLOB NOT NULL, tenant BLOB NOT NULL REFERENCES tenants(id), rev INTEGER NOT NULL,"
	" name TEXT NOT NULL, client_id TEXT NOT NULL UNIQUE, redirect_uris TEXT NOT NULL,"
	" state INTEGER NOT NULL, created INTEGER NOT NULL, mac BLOB NOT NULL,"
	" PRIMARY KEY(tenant, id)"
	") STRICT;"
	"CREATE TABLE clients("
	" id BLOB NOT NULL, tenant BLOB NOT NULL REFERENCES tenants(id), rev INTEGER NOT NULL,"
	" service TEXT NOT NULL, client_id TEXT NOT NULL, secret_version INTEGER NOT NULL,"
	" mac BLOB NOT NULL, secret BLOB NOT NULL,"
	" PRIMARY KEY(tenant, service)"
	") STRICT;"
	"CREATE TABLE services("
	" id BLOB NOT NULL, tenant BLOB NOT NULL REFERENCES tenants(id), rev INTEGER NOT NULL,"
	" service TEXT NOT NULL, hash BLOB NOT NULL, created INTEGER NOT NULL, mac BLOB NOT NULL,"
	" yaml TEXT NOT NULL,"
	" PRIMARY KEY(tenant, id), UNIQUE(tenant, service)"
	") STRICT;"
	"CREATE TABLE vaults("
	" id BLOB NOT NULL, tenant BLOB NOT NULL, rev INTEGER NOT NULL, user BLOB NOT NULL,"
	" agent BLOB, name TEXT NOT NULL, state INTEGER NOT NULL, policy_version INTEGER NOT NULL,"
	" expires INTEGER NOT NULL, created INTEGER NOT NULL, mac BLOB NOT NULL,"
	" PRIMARY KEY(tenant, id),"
	" FOREIGN KEY(tenant, user) REFERENCES users(tenant, id),"
	" FOREIGN KEY(tenant, agent) REFERENCES agents(tenant, id)"
	") STRICT;"
	"CREATE INDEX vaults_user ON vaults(tenant, user, id);"
	"CREATE TABLE policies("
	" vault BLOB NOT NULL, tenant BLOB NOT NULL, version INTEGER NOT NULL, hash BLOB NOT NULL,"
	" created INTEGER NOT NULL, mac BLOB NOT NULL, yaml TEXT NOT NULL,"
	" PRIMARY KEY(tenant, vault, version),"
	" FOREIGN KEY(tenant, vault) REFERENCES vaults(tenant, id)"
	") STRICT;"
	"CREATE TABLE connections("
	" id BLOB NOT NULL, tenant BLOB NOT NULL, rev INTEGER NOT NULL, user BLOB NOT NULL,"
	" service TEXT NOT NULL, alias TEXT NOT NULL, state INTEGER NOT NULL,"
	" was_paused INTEGER NOT NULL, account_id BLOB NOT NULL, account_name BLOB NOT NULL,"
	" scopes TEXT NOT NULL, variables BLOB NOT NULL, version INTEGER NOT NULL,"
	" refresh_version INTEGER NOT NULL,"
	" expires INTEGER NOT NULL, obtained INTEGER NOT NULL, refresh_state INTEGER NOT NULL,"
	" fence INTEGER NOT NULL, attempt BLOB, refresh_at INTEGER NOT NULL,"
	" refresh_failures INTEGER NOT NULL, refresh_err INTEGER NOT NULL,"
	" revoked INTEGER NOT NULL, probed INTEGER NOT NULL, revoke_at INTEGER NOT NULL,"
	" revoke_failures INTEGER NOT NULL, created INTEGER NOT NULL, account_index BLOB UNIQUE,"
	" mac BLOB NOT NULL, access BLOB NOT NULL, refresh BLOB NOT NULL,"
	" PRIMARY KEY(tenant, id),"
	" FOREIGN KEY(tenant, user) REFERENCES users(tenant, id)"
	") STRICT;"
	"CREATE INDEX connections_user ON connections(tenant, user, id);"
	"CREATE INDEX connections_service ON connections(tenant, service, id);"
	"CREATE INDEX connections_open ON connections(refresh_state)"
	" WHERE refresh_state IN (2, 5);"
	"CREATE INDEX connections_revoke ON connections(revoke_at) WHERE revoked = 1;"
	"CREATE INDEX connections_expires ON connections(expires) WHERE state = 1;"
	"CREATE TABLE bindings("
	" vault BLOB NOT NULL, tenant BLOB NOT NULL, connection BLOB NOT NULL,"
	" service TEXT NOT NULL, alias TEXT NOT NULL, is_default INTEGER NOT NULL,"
	" mac BLOB NOT NULL,"
	" PRIMARY KEY(tenant, vault, service, alias),"
	" FOREIGN KEY(tenant, vault) REFERENCES vaults(tenant, id),"
	" FOREIGN KEY(tenant, connection) REFERENCES connections(tenant, id)"
	") STRICT, WITHOUT ROWID;"
	"PRAGMA user_version = 1;",

	"CREATE TABLE tokens("
	" id BLOB NOT NULL, tenant BLOB, kind INTEGER NOT NULL, object BLOB,"
	" revoked INTEGER NOT NULL, generation INTEGER NOT NULL, expires INTEGER NOT NULL,"
	" created INTEGER NOT NULL, hash BLOB NOT NULL PRIMARY KEY, mac BLOB NOT NULL"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX tokens_object ON tokens(tenant, object, kind);"
	"CREATE TABLE consents("
	" id BLOB NOT NULL, tenant BLOB NOT NULL, rev INTEGER NOT NULL, user BLOB NOT NULL,"
	" service TEXT NOT NULL, alias TEXT NOT NULL, scopes TEXT NOT NULL, connection BLOB,"
	" state INTEGER NOT NULL, verifier BLOB NOT NULL, err INTEGER NOT NULL,"
	" generation INTEGER NOT NULL, expires INTEGER NOT NULL, created INTEGER NOT NULL,"
	" ticket BLOB NOT NULL UNIQUE, browser BLOB, state_hash BLOB UNIQUE, mac BLOB NOT NULL,"
	" PRIMARY KEY(tenant, id),"
	" FOREIGN KEY(tenant, user) REFERENCES users(tenant, id)"
	") STRICT;"
	"CREATE TABLE outbox("
	" event BLOB NOT NULL PRIMARY KEY, record BLOB NOT NULL, mac BLOB NOT NULL"
	") STRICT;"
	"PRAGMA user_version = 2;",

	"CREATE TABLE drafts("
	" vault BLOB NOT NULL, tenant BLOB NOT NULL, version INTEGER NOT NULL, hash BLOB NOT NULL,"
	" created INTEGER NOT NULL, mac BLOB NOT NULL, yaml TEXT NOT NULL,"
	" PRIMARY KEY(tenant, vault),"
	" FOREIGN KEY(tenant, vault) REFERENCES vaults(tenant, id)"
	") STRICT;"
	"CREATE TABLE counters("
	" id BLOB NOT NULL, tenant BLOB NOT NULL REFERENCES tenants(id), rev INTEGER NOT NULL,"
	" window INTEGER NOT NULL, at INTEGER NOT NULL, ends INTEGER NOT NULL, mac BLOB NOT NULL,"
	" counts BLOB NOT NULL,"
	" PRIMARY KEY(tenant, id)"
	") STRICT;"
	"CREATE INDEX counters_ends ON counters(ends) WHERE ends > 0;"
	"PRAGMA user_version = 3;",

	"CREATE TABLE given("
	" id BLOB NOT NULL, tenant BLOB NOT NULL REFERENCES tenants(id), rev INTEGER NOT NULL,"
	" text BLOB NOT NULL, mac BLOB NOT NULL,"
	" PRIMARY KEY(tenant, id)"
	") STRICT;"
	"PRAGMA user_version = 4;",
};

static const char *const statements[] = {
#define STATEMENT(name, sql) sql,
#include "core/store/sqlite/statements.def"
#undef STATEMENT
};

const struct db_settings schema_settings = {
	.name = "state.db",
	.pragmas = "PRAGMA synchronous = FULL;"
		   "PRAGMA secure_delete = ON;"
		   "PRAGMA cache_size = -16384;"
		   "PRAGMA mmap_size = 1073741824;",
	.migrations = migrations,
	.migrations_count = ARRAY_LEN(migrations),
	.statements = statements,
	.statements_count = ARRAY_LEN(statements),
	.application = SCHEMA_APPLICATION,
};
