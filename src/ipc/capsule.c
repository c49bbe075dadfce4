/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/capsule.h"

#include "crypto/crypto.h"

enum {
	VERSION = 1,
	AT_COUNTER = 2,
	AT_NONCE = AT_COUNTER + 8,
	AT_BODY = AT_NONCE + AEAD_NONCE_LEN,
	PLAIN_MIN = HASH_LEN + 4 + 1,
	AAD_TEXT_LEN = 16,
	AAD_LEN = AAD_TEXT_LEN + AT_NONCE,
};

void capsule_sender_init(struct capsule_sender *sender, const uint8_t key[static 32],
			 enum capsule_direction direction)
{
	*sender = (struct capsule_sender){ key, direction, clock_boot() };
}

void capsule_receiver_init(struct capsule_receiver *receiver, const uint8_t key[static 32],
			   enum capsule_direction direction)
{
	*receiver = (struct capsule_receiver){ .key = key, .direction = direction };
}

static struct bytes capsule_aad(uint8_t aad[static AAD_LEN], const uint8_t *head)
{
	put(put(aad, "valetkey capsule", AAD_TEXT_LEN), head, AT_NONCE);
	return (struct bytes){ aad, AAD_LEN };
}

static void plain_write(uint8_t *p, const uint8_t *binding, struct bytes hosts,
			const struct bytes *values, size_t count)
{
	p = put(p, binding, HASH_LEN);
	p = put(put_u32(p, (uint32_t)hosts.n), hosts.p, hosts.n);
	*p++ = (uint8_t)count;
	for (size_t i = 0; i < count; i++)
		p = put(put_u32(p, (uint32_t)values[i].n), values[i].p, values[i].n);
}

void capsule_seal(struct capsule_sender *sender, const uint8_t binding[static HASH_LEN],
		  struct bytes hosts, const struct bytes *values, size_t count, struct dynbuf *out)
{
	scoped(secret_free) struct secret *plain = NULL;
	uint8_t aad[AAD_LEN];
	size_t n = PLAIN_MIN + hosts.n;

	for (size_t i = 0; i < count; i++)
		n += 4 + values[i].n;
	enum err err = count > CAPSULE_VALUES_MAX ? ERR_TOO_LARGE : secret_new(n, &plain);
	uint8_t *p = err != OK ? NULL : dynbuf_grow(out, AT_BODY + n + AEAD_TAG_LEN);
	if (p == NULL) {
		out->err = out->err != OK ? out->err : err;
		return;
	}
	plain_write(secret_fill(plain), binding, hosts, values, count);
	p[0] = VERSION;
	p[1] = (uint8_t)sender->direction;
	put_u64(p + AT_COUNTER, ++sender->counter);
	rng_fill(p + AT_NONCE, AEAD_NONCE_LEN);
	err = aead_seal(sender->key, p + AT_NONCE, capsule_aad(aad, p), secret_bytes(plain),
			p + AT_BODY);
	if (err != OK)
		out->err = err;
}

/* Whether @counter was taken before; it is taken by mark(). */
static bool taken(const struct capsule_receiver *r, uint64_t counter)
{
	if (counter > r->top)
		return false;
	if (r->top - counter >= CAPSULE_WINDOW)
		return true;
	return (r->seen[counter / 64 % (CAPSULE_WINDOW / 64)] >> (counter % 64) & 1) != 0;
}

static void mark(struct capsule_receiver *r, uint64_t counter)
{
	if (counter > r->top) {
		/* Words between the old top and the new one belong to counters not seen yet. */
		const uint64_t words = counter / 64 - r->top / 64;
		for (uint64_t i = 1; i <= words && i <= CAPSULE_WINDOW / 64; i++)
			r->seen[(r->top / 64 + i) % (CAPSULE_WINDOW / 64)] = 0;
		r->top = counter;
	}
	r->seen[counter / 64 % (CAPSULE_WINDOW / 64)] |= (uint64_t)1 << (counter % 64);
}

static enum err take_bytes(struct bytes *rest, struct bytes *ret)
{
	if (rest->n < 4 || get_u32(rest->p) > rest->n - 4)
		return ERR_MALFORMED;
	*ret = (struct bytes){ rest->p + 4, get_u32(rest->p) };
	rest->p += 4 + ret->n;
	rest->n -= 4 + ret->n;
	return OK;
}

static enum err plain_read(struct capsule *capsule)
{
	struct bytes rest = secret_bytes(capsule->plain);

	capsule->binding = (struct bytes){ rest.p, HASH_LEN };
	rest.p += HASH_LEN;
	rest.n -= HASH_LEN;
	TRY(take_bytes(&rest, &capsule->hosts));
	if (rest.n == 0 || rest.p[0] > CAPSULE_VALUES_MAX)
		return ERR_MALFORMED;
	capsule->count = rest.p[0];
	rest.p++;
	rest.n--;
	for (size_t i = 0; i < capsule->count; i++)
		TRY(take_bytes(&rest, &capsule->values[i]));
	return rest.n == 0 ? OK : ERR_MALFORMED;
}

enum err capsule_open(struct capsule_receiver *receiver, struct bytes from, struct capsule *ret)
{
	struct capsule capsule = { 0 };
	uint8_t aad[AAD_LEN];

	if (from.n < AT_BODY + PLAIN_MIN + AEAD_TAG_LEN || from.n > IPC_CAPSULE_MAX ||
	    from.p[0] != VERSION || from.p[1] != receiver->direction)
		return ERR_MALFORMED;
	const uint64_t counter = get_u64(from.p + AT_COUNTER);
	if (taken(receiver, counter))
		return ERR_USED;
	TRY(secret_new(from.n - AT_BODY - AEAD_TAG_LEN, &capsule.plain));
	enum err err = aead_open(receiver->key, from.p + AT_NONCE, capsule_aad(aad, from.p),
				 (struct bytes){ from.p + AT_BODY, from.n - AT_BODY },
				 secret_fill(capsule.plain));
	if (err == OK) {
		mark(receiver, counter);
		err = plain_read(&capsule);
	}
	if (err != OK) {
		capsule_done(&capsule);
		return err;
	}
	*ret = capsule;
	return OK;
}

void capsule_done(struct capsule *capsule)
{
	secret_free(&capsule->plain);
	*capsule = (struct capsule){ 0 };
}
