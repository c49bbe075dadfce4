/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow/proof.h"

#include "crypto/crypto.h"

static void nonce_key(const struct flow *flow, uint8_t key[static 32])
{
	kdf_label(flow->text_key, "valetkey dpop nonce", key);
}

void proof_nonce(const struct flow *flow, struct call *call)
{
	char nonce[DPOP_NONCE_TEXT + 1];
	uint8_t key[32];

	nonce_key(flow, key);
	dpop_nonce_print(key, flow->now, nonce);
	wipe(key, sizeof key);
	call_header(call, "dpop-nonce", str(nonce));
}

/* How many there are (4.3-1 wants one), and the last. */
static size_t find_header(struct bytes headers, struct bytes *ret)
{
	struct ipc_header header;
	struct bytes element;
	size_t n = 0;

	while (headers.n > 0 && ipc_list_next(&headers, &element) == OK &&
	       ipc_header_decode(element, &header) == OK) {
		if (!bytes_is(header.name, "dpop"))
			continue;
		*ret = header.value;
		n++;
	}
	return n;
}

static enum err verify(struct flow *flow, struct dpop_request *request, struct proof *ret)
{
	struct dpop_proof proof;
	uint8_t key[32];

	nonce_key(flow, key);
	request->nonce_key = key;
	const enum err err = dpop_verify(request, &proof);
	wipe(key, sizeof key);
	TRY(err);
	const enum err seen = store_seen(flow->store, proof.once, proof.until);
	if (seen != OK)
		return seen == ERR_USED ? ERR_INVALID_DPOP_PROOF : seen;
	ret->present = true;
	memcpy(ret->jkt, proof.thumbprint, sizeof ret->jkt);
	return OK;
}

enum err proof_take(struct flow *flow, struct call *call, struct bytes token, struct proof *ret)
{
	struct bytes header = { NULL, 0 }, path = call->request.target;
	scoped(dynbuf_done) struct dynbuf url = { .max = IPC_TARGET_MAX +
							 sizeof flow->settings.issuer };

	*ret = (struct proof){ .present = call->proved };
	if (call->proved) {
		memcpy(ret->jkt, call->jkt, sizeof ret->jkt);
		return OK;
	}
	const size_t n = find_header(call->request.headers, &header);
	if (n == 0)
		return OK;
	if (n > 1)
		return ERR_INVALID_DPOP_PROOF;
	path = bytes_cut(&path, '?');
	dynbuf_put(&url, flow->settings.issuer, strlen(flow->settings.issuer) - 1);
	dynbuf_bytes(&url, path);
	TRY(dynbuf_err(&url));
	struct dpop_request request = {
		.proof = header,
		.method = str(http_method_name(call->request.method)),
		.url = dynbuf_view(&url),
		.token = token,
		.nonce_required = flow->settings.dpop_nonce,
		.now = flow->now,
	};
	TRY(verify(flow, &request, ret));
	call->proved = true;
	memcpy(call->jkt, ret->jkt, sizeof call->jkt);
	return OK;
}
