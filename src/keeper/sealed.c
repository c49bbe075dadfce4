/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/sealed.h"

#include "crypto/crypto.h"

enum {
	VERSION = 1,
	SUITE = 1,
	COMMIT_LEN = 16,
	AT_KEY_VERSION = 2,
	AT_WRAP_NONCE = AT_KEY_VERSION + 4,
	AT_WRAPPED = AT_WRAP_NONCE + AEAD_NONCE_LEN,
	AT_COMMIT = AT_WRAPPED + KEY_LEN + AEAD_TAG_LEN,
	AT_NONCE = AT_COMMIT + COMMIT_LEN,
	AT_BODY = AT_NONCE + AEAD_NONCE_LEN,
	BLOB_MIN = AT_BODY + 4 + AEAD_TAG_LEN,
	AAD_TEXT_LEN = 15,
	AAD_LEN = AAD_TEXT_LEN + AT_WRAP_NONCE + 1 + 3 * ID_LEN + 8,
};

static struct bytes place_aad(uint8_t aad[static AAD_LEN], const uint8_t *head,
			      const struct ipc_place *place)
{
	uint8_t *p = put(put(aad, "valetkey sealed", AAD_TEXT_LEN), head, AT_WRAP_NONCE);

	*p++ = place->field;
	p = put(p, place->tenant.b, ID_LEN);
	p = put(p, place->user.b, ID_LEN);
	p = put(p, place->object.b, ID_LEN);
	put_u64(p, place->version);
	return (struct bytes){ aad, AAD_LEN };
}

static void commitment(const uint8_t *key, uint8_t out[static COMMIT_LEN])
{
	const struct bytes label = str("valetkey commit");
	uint8_t full[MAC_LEN];

	mac(key, &label, 1, full);
	memcpy(out, full, COMMIT_LEN);
	wipe(full, sizeof full);
}

enum err sealed_make(struct keyring *ring, const struct ipc_place *place, struct bytes hosts,
		     struct bytes secret, struct dynbuf *out)
{
	scoped(secret_free) struct secret *plain = NULL, *data_key = NULL;
	const uint8_t *tenant_key;
	uint8_t aad_room[AAD_LEN];
	uint32_t version;

	if (secret.n > SEALED_SECRET_MAX || hosts.n > IPC_HOSTS_MAX)
		return ERR_TOO_LARGE;
	TRY(keyring_tenant(ring, place->tenant, &version, &tenant_key));
	TRY(secret_new(4 + hosts.n + secret.n, &plain));
	TRY(secret_new(KEY_LEN, &data_key));
	put(put(put_u32(secret_fill(plain), (uint32_t)hosts.n), hosts.p, hosts.n), secret.p,
	    secret.n);
	rng_fill(secret_fill(data_key), KEY_LEN);
	uint8_t *p = dynbuf_grow(out, BLOB_MIN + hosts.n + secret.n);
	if (p == NULL)
		return dynbuf_err(out);
	p[0] = VERSION;
	p[1] = SUITE;
	put_u32(p + AT_KEY_VERSION, version);
	rng_fill(p + AT_WRAP_NONCE, AEAD_NONCE_LEN);
	rng_fill(p + AT_NONCE, AEAD_NONCE_LEN);
	const struct bytes aad = place_aad(aad_room, p, place);
	TRY(aead_seal(tenant_key, p + AT_WRAP_NONCE, aad, secret_bytes(data_key), p + AT_WRAPPED));
	commitment(secret_fill(data_key), p + AT_COMMIT);
	return aead_seal(secret_fill(data_key), p + AT_NONCE, aad, secret_bytes(plain),
			 p + AT_BODY);
}

static enum err opened_split(struct opened *opened)
{
	const struct bytes plain = secret_bytes(opened->plain);

	if (get_u32(plain.p) > plain.n - 4)
		return ERR_MALFORMED;
	opened->hosts = (struct bytes){ plain.p + 4, get_u32(plain.p) };
	opened->secret =
		(struct bytes){ opened->hosts.p + opened->hosts.n, plain.n - 4 - opened->hosts.n };
	return OK;
}

enum err sealed_open(const struct keyring *ring, const struct ipc_place *place, struct bytes blob,
		     struct opened *ret)
{
	scoped(secret_free) struct secret *data_key = NULL;
	struct opened opened = { 0 };
	uint8_t aad_room[AAD_LEN], commit[COMMIT_LEN];
	const uint8_t *tenant_key;

	if (blob.n < BLOB_MIN || blob.n > IPC_BLOB_MAX || blob.p[0] != VERSION ||
	    blob.p[1] != SUITE)
		return ERR_MALFORMED;
	TRY(keyring_find(ring, place->tenant, get_u32(blob.p + AT_KEY_VERSION), &tenant_key));
	TRY(secret_new(KEY_LEN, &data_key));
	const struct bytes aad = place_aad(aad_room, blob.p, place);
	TRY(aead_open(tenant_key, blob.p + AT_WRAP_NONCE, aad,
		      (struct bytes){ blob.p + AT_WRAPPED, KEY_LEN + AEAD_TAG_LEN },
		      secret_fill(data_key)));
	commitment(secret_fill(data_key), commit);
	if (!ct_eq((struct bytes){ commit, COMMIT_LEN },
		   (struct bytes){ blob.p + AT_COMMIT, COMMIT_LEN }))
		return ERR_FORGED;
	TRY(secret_new(blob.n - AT_BODY - AEAD_TAG_LEN, &opened.plain));
	enum err err = aead_open(secret_fill(data_key), blob.p + AT_NONCE, aad,
				 (struct bytes){ blob.p + AT_BODY, blob.n - AT_BODY },
				 secret_fill(opened.plain));
	if (err == OK)
		err = opened_split(&opened);
	if (err != OK) {
		opened_done(&opened);
		return err;
	}
	*ret = opened;
	return OK;
}

void opened_done(struct opened *opened)
{
	secret_free(&opened->plain);
	*opened = (struct opened){ 0 };
}
