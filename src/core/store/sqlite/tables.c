/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "core/store/sqlite/columns.def"
#include "core/store/sqlite/row.h"

#define MEMBER(m, type)	 { #m, type, offsetof(struct ROW, m), sizeof(((struct ROW *)NULL)->m) },
#define AS_ID(m)	 MEMBER(m, COLUMN_ID)
#define AS_OPT(m)	 MEMBER(m, COLUMN_OPT)
#define AS_NUM(m)	 MEMBER(m, COLUMN_NUM)
#define AS_TEXT(m)	 MEMBER(m, COLUMN_TEXT)
#define AS_BLOB(m)	 MEMBER(m, COLUMN_BLOB)
#define AS_SEALED(m)	 MEMBER(m, COLUMN_SEALED)
#define AS_HASH(m)	 MEMBER(m, COLUMN_HASH)
#define AS_HASHED(m)	 MEMBER(m, COLUMN_HASHED)
#define AS_HIDDEN(m, at) { #m, COLUMN_HIDDEN, at, 0 },
#define COLUMNS(name)                                                                              \
	static const struct column name##_columns[] = { COLUMNS_##name(                            \
		AS_ID, AS_OPT, AS_NUM, AS_TEXT, AS_BLOB, AS_SEALED, AS_HASH, AS_HASHED,            \
		AS_HIDDEN) };
#define TABLE(name, label, id_at, tenant_at, rev_at)                                               \
	const struct table table_##name = {                                                        \
		label,	   name##_columns, ARRAY_LEN(name##_columns), sizeof(struct ROW), id_at,   \
		tenant_at, rev_at,                                                                 \
	};
#define AT(m) ((ssize_t)offsetof(struct ROW, m))

#define ROW tenant_row
COLUMNS(tenant)
TABLE(tenant, "tenants", AT(id), -1, AT(rev))
#undef ROW

#define ROW user_row
COLUMNS(user)
TABLE(user, "users", AT(id), AT(tenant), AT(rev))
#undef ROW

#define ROW agent_row
COLUMNS(agent)
TABLE(agent, "agents", AT(id), AT(tenant), AT(rev))
#undef ROW

#define ROW client_row
COLUMNS(client)
TABLE(client, "clients", AT(id), AT(tenant), AT(rev))
#undef ROW

#define ROW service_row
COLUMNS(service)
TABLE(service, "services", AT(id), AT(tenant), AT(rev))
COLUMNS(service_hash)
TABLE(service_hash, "services", AT(id), AT(tenant), AT(rev))
#undef ROW

#define ROW vault_row
COLUMNS(vault)
TABLE(vault, "vaults", AT(id), AT(tenant), AT(rev))
#undef ROW

#define ROW policy_row
COLUMNS(policy)
TABLE(policy, "policies", AT(vault), AT(tenant), -1)
COLUMNS(policy_hash)
TABLE(policy_hash, "policies", AT(vault), AT(tenant), -1)
#undef ROW

#define ROW policy_row
COLUMNS(draft)
TABLE(draft, "drafts", AT(vault), AT(tenant), -1)
#undef ROW

#define ROW counter_row
COLUMNS(counter)
TABLE(counter, "counters", AT(id), AT(tenant), AT(rev))
#undef ROW

#define ROW binding_row
COLUMNS(binding)
TABLE(binding, "bindings", AT(vault), AT(tenant), -1)
#undef ROW

#define ROW connection_row
COLUMNS(connection)
TABLE(connection, "connections", AT(id), AT(tenant), AT(rev))
#undef ROW

#define ROW own_token_row
COLUMNS(token)
TABLE(token, "tokens", AT(id), AT(tenant), -1)
#undef ROW

#define ROW consent_row
COLUMNS(consent)
TABLE(consent, "consents", AT(id), AT(tenant), AT(rev))
#undef ROW

#define ROW given_row
COLUMNS(given)
TABLE(given, "given", AT(id), AT(tenant), AT(rev))
#undef ROW

#define ROW approval_row
COLUMNS(approval)
TABLE(approval, "approvals", AT(id), AT(tenant), AT(rev))
#undef ROW

#define ROW approval_text_row
COLUMNS(approval_text)
TABLE(approval_text, "approval_texts", AT(approval), AT(tenant), -1)
#undef ROW

#define ROW totp_row
COLUMNS(totp)
TABLE(totp, "totps", AT(id), AT(tenant), AT(rev))
#undef ROW

#define ROW registration_row
COLUMNS(registration)
TABLE(registration, "registrations", AT(id), AT(tenant), AT(rev))
#undef ROW

#define ROW password_row
COLUMNS(password)
TABLE(password, "passwords", AT(id), AT(tenant), AT(rev))
#undef ROW

#define ROW grant_row
COLUMNS(grant)
TABLE(grant, "grants", AT(id), AT(tenant), AT(rev))
#undef ROW

#define ROW grant_token_row
COLUMNS(grant_token)
TABLE(grant_token, "grant_tokens", AT(id), AT(tenant), AT(rev))
#undef ROW

#define ROW pushed_row
COLUMNS(pushed)
TABLE(pushed, "pushed", AT(id), AT(tenant), AT(rev))
#undef ROW

#define ROW seen_row
COLUMNS(seen)
TABLE(seen, "seen", -1, -1, -1)
#undef ROW

#define ROW outbox_row
COLUMNS(outbox)
TABLE(outbox, "outbox", AT(event), -1, -1)
#undef ROW

#define ROW meta_row
COLUMNS(meta)
TABLE(meta, "meta", -1, -1, -1)
#undef ROW
