/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/note.h"

#include <stdio.h>

#include "codec/base64.h"

enum { ED25519 = 1 };

static const char dash[] = "\xe2\x80\x94 ";

/* The origin is derived from the public key alone. The key id is that of C2SP signed note:
 * SHA-256(name || 0x0A || 0x01 || public key), first four bytes. */
void note_key_init(struct note_key *key, const uint8_t public[static SIGN_PUBLIC_LEN])
{
	static const uint8_t tail[] = { '\n', ED25519 };
	uint8_t hash[SHA256_LEN];

	memcpy(key->public, public, SIGN_PUBLIC_LEN);
	sha256_one((struct bytes){ public, SIGN_PUBLIC_LEN }, hash);
	snprintf(key->name, sizeof key->name, "valetkey/%08x", get_u32(hash));
	const struct bytes parts[] = { str(key->name),
				       { tail, sizeof tail },
				       { public, SIGN_PUBLIC_LEN } };
	sha256(parts, ARRAY_LEN(parts), hash);
	memcpy(key->id, hash, sizeof key->id);
}

void note_print(const struct note_key *key, const uint8_t secret[static SIGN_SECRET_LEN],
		uint64_t size, const uint8_t root[static SHA256_LEN], struct dynbuf *out)
{
	uint8_t signature[sizeof key->id + SIGN_LEN];

	dynbuf_reset(out);
	dynbuf_printf(out, "%s\n%llu\n", key->name, (unsigned long long)size);
	base64_print((struct bytes){ root, SHA256_LEN }, out);
	dynbuf_u8(out, '\n');
	memcpy(signature, key->id, sizeof key->id);
	sign(secret, dynbuf_view(out), signature + sizeof key->id);
	dynbuf_printf(out, "\n%s%s ", dash, key->name);
	base64_print((struct bytes){ signature, sizeof signature }, out);
	dynbuf_u8(out, '\n');
}

/* The one signature line of ours after the blank line; others are not ours to judge. */
static enum err find_signature(const struct note_key *key, struct bytes lines,
			       uint8_t ret[static SIGN_LEN])
{
	uint8_t blob[sizeof key->id + SIGN_LEN];
	size_t n;

	while (lines.n > 0) {
		struct bytes line = bytes_cut(&lines, '\n');
		if (!bytes_starts(line, dash))
			return ERR_MALFORMED;
		line.p += sizeof dash - 1;
		line.n -= sizeof dash - 1;
		const struct bytes name = bytes_cut(&line, ' ');
		if (!bytes_is(name, key->name))
			continue;
		if (base64_parse(line, blob, sizeof blob, &n) != OK || n != sizeof blob)
			return ERR_MALFORMED;
		if (memcmp(blob, key->id, sizeof key->id) != 0)
			continue;
		memcpy(ret, blob + sizeof key->id, SIGN_LEN);
		return OK;
	}
	return ERR_FORGED;
}

enum err note_parse(const struct note_key *key, struct bytes text, uint64_t *ret_size,
		    uint8_t ret_root[static SHA256_LEN])
{
	uint8_t signature[SIGN_LEN], root[SHA256_LEN + 2];
	struct bytes rest = text;
	uint64_t size;
	size_t n;

	if (text.n > NOTE_MAX)
		return ERR_MALFORMED;
	const struct bytes origin = bytes_cut(&rest, '\n');
	TRY(bytes_u64(bytes_cut(&rest, '\n'), UINT64_MAX, &size));
	if (base64_parse(bytes_cut(&rest, '\n'), root, sizeof root, &n) != OK || n != SHA256_LEN)
		return ERR_MALFORMED;
	const struct bytes body = { text.p, (size_t)(rest.p - text.p) };
	if (bytes_cut(&rest, '\n').n != 0 || !bytes_is(origin, key->name))
		return ERR_MALFORMED;
	TRY(find_signature(key, rest, signature));
	if (!sign_verify(key->public, body, signature))
		return ERR_FORGED;
	*ret_size = size;
	memcpy(ret_root, root, SHA256_LEN);
	return OK;
}
