/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/record.h"

#include "codec/base64.h"

static bool name_ok(struct bytes name)
{
	for (size_t i = 0; i < name.n; i++) {
		const uint8_t c = name.p[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
		    c != '-' && c != '_' && c != '.')
			return false;
	}
	return true;
}

/* scope-token = 1*( %x21 / %x23-5B / %x5D-7E ), separated by spaces */
static bool scopes_ok(struct bytes scopes)
{
	for (size_t i = 0; i < scopes.n; i++)
		if (scopes.p[i] < 0x20 || scopes.p[i] > 0x7e || scopes.p[i] == '"' ||
		    scopes.p[i] == '\\')
			return false;
	return true;
}

enum err record_check(const struct ipc_record *record)
{
	if (event_kind_name(record->kind) == NULL || event_outcome_name(record->outcome) == NULL ||
	    record->reason >= ERR_COUNT || id_none(record->event) || !name_ok(record->service) ||
	    !name_ok(record->tool) || !scopes_ok(record->scopes))
		return ERR_MALFORMED;
	return OK;
}

static void put_text(struct dynbuf *out, const char *member, struct bytes text)
{
	if (text.n == 0)
		return;
	dynbuf_str(out, ",\"");
	dynbuf_str(out, member);
	dynbuf_str(out, "\":\"");
	dynbuf_bytes(out, text);
	dynbuf_u8(out, '"');
}

static void put_id(struct dynbuf *out, const char *member, const char *kind, struct id id)
{
	char text[ID_TEXT_MAX + 1];

	if (!id_none(id))
		put_text(out, member, str(id_print(kind, id, text)));
}

static void put_number(struct dynbuf *out, uint64_t v)
{
	char digits[20];
	size_t n = sizeof digits;

	do
		digits[--n] = (char)('0' + v % 10);
	while ((v /= 10) > 0);
	dynbuf_put(out, digits + n, sizeof digits - n);
}

static void put_u(struct dynbuf *out, const char *member, uint64_t v)
{
	if (v == 0)
		return;
	dynbuf_str(out, ",\"");
	dynbuf_str(out, member);
	dynbuf_str(out, "\":");
	put_number(out, v);
}

static void put_hash(struct dynbuf *out, const char *member, const uint8_t *hash)
{
	static const uint8_t none[HASH_LEN];

	if (memcmp(hash, none, HASH_LEN) == 0)
		return;
	dynbuf_str(out, ",\"");
	dynbuf_str(out, member);
	dynbuf_str(out, "\":\"");
	hex_print((struct bytes){ hash, HASH_LEN }, out);
	dynbuf_u8(out, '"');
}

static void put_reason(struct dynbuf *out, uint16_t reason)
{
	const char *name = err_row((enum err)reason)->name;
	char lower[64];
	size_t n = 0;

	if (reason == OK)
		return;
	for (; name[n] != 0 && n < sizeof lower; n++)
		lower[n] = (char)(name[n] >= 'A' && name[n] <= 'Z' ? name[n] | 0x20 : name[n]);
	put_text(out, "reason", (struct bytes){ (uint8_t *)lower, n });
}

void record_print(const struct ipc_record *r, uint64_t seq, usec_t time, struct dynbuf *out)
{
	char text[CLOCK_TEXT_LEN + 1];

	dynbuf_str(out, "{\"seq\":");
	put_number(out, seq);
	clock_print(time, text);
	put_text(out, "time", str(text));
	put_id(out, "event", "evt", r->event);
	put_text(out, "kind", str(event_kind_name(r->kind)));
	put_text(out, "outcome", str(event_outcome_name(r->outcome)));
	put_reason(out, r->reason);
	put_id(out, "ref", "evt", r->ref);
	put_id(out, "tenant", "tenant", r->tenant);
	put_id(out, "user", "user", r->user);
	put_id(out, "connection", "conn", r->connection);
	put_id(out, "vault", "vault", r->vault);
	put_id(out, "agent", "agent", r->agent);
	put_id(out, "actor", "tok", r->actor);
	put_id(out, "object", "obj", r->object);
	put_id(out, "address", "addr", r->address);
	put_text(out, "service", r->service);
	put_text(out, "tool", r->tool);
	put_text(out, "scopes", r->scopes);
	put_u(out, "version", r->version);
	put_u(out, "change", r->change);
	put_u(out, "policy", r->policy);
	put_u(out, "status", r->status);
	put_u(out, "bytes", r->bytes);
	put_u(out, "duration_us", r->duration_us);
	put_u(out, "revision", r->revision);
	put_hash(out, "digest", r->digest);
	put_hash(out, "detail", r->detail);
	dynbuf_str(out, "}\n");
}
