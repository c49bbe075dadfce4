/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/keyring.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/dynbuf.h"
#include "crypto/crypto.h"
#include "sys/file.h"

static const char file_name[] = "keyring";
static const uint8_t magic[7] = "vkkeys";

enum {
	VERSION = 1,
	AT_KIND = sizeof magic + 1,
	AT_SALT = AT_KIND + 1,
	AT_PASSES = AT_SALT + KDF_SALT_LEN,
	AT_MEMORY = AT_PASSES + 4,
	AT_ROOT_VERSION = AT_MEMORY + 8,
	AT_ROOT_NONCE = AT_ROOT_VERSION + 4,
	AT_ROOT = AT_ROOT_NONCE + AEAD_NONCE_LEN,
	AT_BODY_NONCE = AT_ROOT + KEY_LEN + AEAD_TAG_LEN,
	AT_BODY = AT_BODY_NONCE + AEAD_NONCE_LEN,
	BODY_FIXED = 8 + SIGN_SEED_LEN + 4 + WORKING_COUNT * KEY_LEN + 4,
	TENANT_BYTES = ID_LEN + 4 + KEY_LEN,
	FILE_MAX = AT_BODY + BODY_FIXED + KEYRING_KEYS_MAX * TENANT_BYTES + AEAD_TAG_LEN,
	PASSES = 3, /* RFC 9106 4: the second recommendation, for machines of any size */
	MEMORY_BYTES = 64 * 1024 * 1024,
};

struct fixed_keys {
	uint8_t unseal[KEY_LEN], root[KEY_LEN], log_seed[SIGN_SEED_LEN];
	uint8_t working[WORKING_COUNT][KEY_LEN];
};

struct tenant_key {
	struct id tenant;
	uint32_t version;
	uint8_t key[KEY_LEN];
};

struct keyring {
	int dir;
	uint8_t head[AT_ROOT_VERSION]; /* as in the file */
	uint32_t root_version, working_version;
	uint64_t generation;
	struct secret *fixed;	/* struct fixed_keys */
	struct secret *tenants; /* room for struct tenant_key, sorted by tenant, then version */
	size_t tenants_n;
};

static struct fixed_keys *fixed_of(const struct keyring *ring)
{
	return (struct fixed_keys *)(void *)secret_fill(ring->fixed);
}

static struct tenant_key *tenants_of(const struct keyring *ring)
{
	return (struct tenant_key *)(void *)secret_fill(ring->tenants);
}

void keyring_free(struct keyring **ringp)
{
	struct keyring *ring = *ringp;

	if (ring == NULL)
		return;
	*ringp = NULL;
	secret_free(&ring->fixed);
	secret_free(&ring->tenants);
	close(ring->dir);
	free(ring);
}

static enum err ring_new(int dir, struct keyring **ret)
{
	struct keyring *ring = calloc(1, sizeof *ring);

	if (ring == NULL)
		return FAULT_NOMEM;
	ring->dir = fcntl(dir, F_DUPFD_CLOEXEC, 0);
	enum err err =
		ring->dir < 0 ? FAULT_SYSTEM : secret_new(sizeof(struct fixed_keys), &ring->fixed);
	if (err == OK)
		err = secret_new(16 * sizeof(struct tenant_key), &ring->tenants);
	if (err != OK)
		keyring_free(&ring);
	else
		*ret = ring;
	return err;
}

static enum err unseal_key(struct keyring *ring, struct bytes secret)
{
	const uint8_t *head = ring->head;

	if (head[AT_KIND] == UNSEAL_KEY_FILE) {
		if (secret.n != KEY_LEN)
			return ERR_FORGED;
		kdf_label(secret.p, "valetkey unseal", fixed_of(ring)->unseal);
		return OK;
	}
	const uint64_t memory = get_u64(head + AT_MEMORY);
	const uint32_t passes = get_u32(head + AT_PASSES);
	/* A changed file must not make us reserve the machine. */
	if (head[AT_KIND] != UNSEAL_PASSPHRASE || memory < MEMORY_BYTES / 8 ||
	    memory > (uint64_t)MEMORY_BYTES * 8 || passes < 1 || passes > PASSES * 4)
		return ERR_FORGED;
	return kdf_passphrase(secret, head + AT_SALT, passes, memory, fixed_of(ring)->unseal);
}

static void body_write(const struct keyring *ring, uint8_t *p)
{
	const struct tenant_key *tenants = tenants_of(ring);

	p = put_u64(p, ring->generation);
	p = put(p, fixed_of(ring)->log_seed, SIGN_SEED_LEN);
	p = put_u32(p, ring->working_version);
	p = put(p, fixed_of(ring)->working, sizeof fixed_of(ring)->working);
	p = put_u32(p, (uint32_t)ring->tenants_n);
	for (size_t i = 0; i < ring->tenants_n; i++) {
		p = put(p, tenants[i].tenant.b, ID_LEN);
		p = put_u32(p, tenants[i].version);
		p = put(p, tenants[i].key, KEY_LEN);
	}
}

static enum err ring_save(const struct keyring *ring)
{
	const size_t body_n = BODY_FIXED + ring->tenants_n * TENANT_BYTES;
	scoped(secret_free) struct secret *body = NULL;
	scoped(buf_free) struct buf *file = NULL;

	TRY(secret_new(body_n, &body));
	TRY(buf_new(AT_BODY + body_n + AEAD_TAG_LEN, &file));
	body_write(ring, secret_fill(body));
	put_u32(put(file->p, ring->head, AT_ROOT_VERSION), ring->root_version);
	rng_fill(file->p + AT_ROOT_NONCE, AEAD_NONCE_LEN);
	rng_fill(file->p + AT_BODY_NONCE, AEAD_NONCE_LEN);
	TRY(aead_seal(fixed_of(ring)->unseal, file->p + AT_ROOT_NONCE,
		      (struct bytes){ file->p, AT_ROOT_NONCE },
		      (struct bytes){ fixed_of(ring)->root, KEY_LEN }, file->p + AT_ROOT));
	TRY(aead_seal(fixed_of(ring)->root, file->p + AT_BODY_NONCE,
		      (struct bytes){ file->p, AT_BODY_NONCE }, secret_bytes(body),
		      file->p + AT_BODY));
	return file_replace(ring->dir, file_name, buf_bytes(file));
}

enum err keyring_create(int dir, enum unseal_kind kind, struct bytes secret, struct keyring **ret)
{
	scoped(keyring_free) struct keyring *ring = NULL;

	if (faccessat(dir, file_name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return ERR_EXISTS;
	TRY(ring_new(dir, &ring));
	uint8_t *p = put(ring->head, magic, sizeof magic);
	*p++ = VERSION;
	*p++ = (uint8_t)kind;
	rng_fill(p, KDF_SALT_LEN);
	put_u64(put_u32(p + KDF_SALT_LEN, PASSES), MEMORY_BYTES);
	TRY(unseal_key(ring, secret));
	rng_fill(fixed_of(ring)->root, KEY_LEN);
	rng_fill(fixed_of(ring)->log_seed, SIGN_SEED_LEN);
	rng_fill(&fixed_of(ring)->working[0][0], sizeof fixed_of(ring)->working);
	ring->root_version = ring->working_version = 1;
	ring->generation = 1;
	TRY(ring_save(ring));
	*ret = take(ring);
	return OK;
}

static enum err tenants_room(struct keyring *ring, size_t n)
{
	scoped(secret_free) struct secret *more = NULL;

	if (n * sizeof(struct tenant_key) <= secret_bytes(ring->tenants).n)
		return OK;
	TRY(secret_new(n * 2 * sizeof(struct tenant_key), &more));
	memcpy(secret_fill(more), secret_fill(ring->tenants),
	       ring->tenants_n * sizeof(struct tenant_key));
	secret_free(&ring->tenants);
	ring->tenants = take(more);
	return OK;
}

static enum err body_read(struct keyring *ring, struct bytes body)
{
	const uint8_t *p = body.p;

	ring->generation = get_u64(p);
	put(fixed_of(ring)->log_seed, p + 8, SIGN_SEED_LEN);
	p += 8 + SIGN_SEED_LEN;
	ring->working_version = get_u32(p);
	put(&fixed_of(ring)->working[0][0], p + 4, sizeof fixed_of(ring)->working);
	p += 4 + sizeof fixed_of(ring)->working;
	const size_t n = get_u32(p);
	p += 4;
	if (body.n != BODY_FIXED + n * TENANT_BYTES)
		return ERR_MALFORMED;
	TRY(tenants_room(ring, n));
	for (size_t i = 0; i < n; i++, p += TENANT_BYTES) {
		struct tenant_key *to = &tenants_of(ring)[i];
		memcpy(to->tenant.b, p, ID_LEN);
		to->version = get_u32(p + ID_LEN);
		memcpy(to->key, p + ID_LEN + 4, KEY_LEN);
	}
	ring->tenants_n = n;
	return OK;
}

static enum err ring_parse(struct keyring *ring, struct bytes file, struct bytes secret)
{
	scoped(secret_free) struct secret *body = NULL;

	memcpy(ring->head, file.p, sizeof ring->head);
	ring->root_version = get_u32(file.p + AT_ROOT_VERSION);
	TRY(unseal_key(ring, secret));
	TRY(aead_open(fixed_of(ring)->unseal, file.p + AT_ROOT_NONCE,
		      (struct bytes){ file.p, AT_ROOT_NONCE },
		      (struct bytes){ file.p + AT_ROOT, KEY_LEN + AEAD_TAG_LEN },
		      fixed_of(ring)->root));
	TRY(secret_new(file.n - AT_BODY - AEAD_TAG_LEN, &body));
	TRY(aead_open(fixed_of(ring)->root, file.p + AT_BODY_NONCE,
		      (struct bytes){ file.p, AT_BODY_NONCE },
		      (struct bytes){ file.p + AT_BODY, file.n - AT_BODY }, secret_fill(body)));
	return body_read(ring, secret_bytes(body));
}

static enum err file_load(int dir, struct buf **ret)
{
	scoped(buf_free) struct buf *file = NULL;

	TRY(file_read(dir, file_name, FILE_MAX, &file));
	if (file->n < AT_BODY + BODY_FIXED + AEAD_TAG_LEN ||
	    memcmp(file->p, magic, sizeof magic) != 0 || file->p[sizeof magic] != VERSION)
		return ERR_MALFORMED;
	*ret = take(file);
	return OK;
}

enum err keyring_open(int dir, struct bytes secret, struct keyring **ret)
{
	scoped(keyring_free) struct keyring *ring = NULL;
	scoped(buf_free) struct buf *file = NULL;

	TRY(file_load(dir, &file));
	TRY(ring_new(dir, &ring));
	TRY(ring_parse(ring, buf_bytes(file), secret));
	*ret = take(ring);
	return OK;
}

enum err keyring_kind(int dir, enum unseal_kind *ret)
{
	scoped(buf_free) struct buf *file = NULL;

	TRY(file_load(dir, &file));
	if (file->p[AT_KIND] != UNSEAL_KEY_FILE && file->p[AT_KIND] != UNSEAL_PASSPHRASE)
		return ERR_MALFORMED;
	*ret = (enum unseal_kind)file->p[AT_KIND];
	return OK;
}

/* Where (tenant, version) stands or would stand. */
static size_t lower_bound(const struct keyring *ring, struct id tenant, uint32_t version)
{
	const struct tenant_key *t = tenants_of(ring);
	size_t low = 0, high = ring->tenants_n;

	while (low < high) {
		const size_t mid = (low + high) / 2;
		const int order = memcmp(t[mid].tenant.b, tenant.b, ID_LEN);
		if (order < 0 || (order == 0 && t[mid].version < version))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* The newest key of @tenant, or NULL. */
static const struct tenant_key *newest(const struct keyring *ring, struct id tenant)
{
	const size_t after = lower_bound(ring, tenant, UINT32_MAX);
	const struct tenant_key *t = tenants_of(ring);

	return after > 0 && id_eq(t[after - 1].tenant, tenant) ? &t[after - 1] : NULL;
}

static enum err add_key(struct keyring *ring, struct id tenant, uint32_t version)
{
	const size_t at = lower_bound(ring, tenant, version);

	if (ring->tenants_n >= KEYRING_KEYS_MAX || version > KEYRING_VERSIONS_MAX)
		return ERR_TOO_LARGE;
	TRY(tenants_room(ring, ring->tenants_n + 1));
	struct tenant_key *t = tenants_of(ring);
	memmove(&t[at + 1], &t[at], (ring->tenants_n - at) * sizeof *t);
	t[at].tenant = tenant;
	t[at].version = version;
	rng_fill(t[at].key, KEY_LEN);
	ring->tenants_n++;
	const enum err err = ring_save(ring);
	if (err == OK)
		return OK;
	/* A key that is not durable must not seal anything. */
	memmove(&t[at], &t[at + 1], (ring->tenants_n - at - 1) * sizeof *t);
	ring->tenants_n--;
	return err;
}

enum err keyring_tenant(struct keyring *ring, struct id tenant, uint32_t *ret_version,
			const uint8_t **ret_key)
{
	if (newest(ring, tenant) == NULL)
		TRY(add_key(ring, tenant, 1));
	*ret_version = newest(ring, tenant)->version;
	*ret_key = newest(ring, tenant)->key;
	return OK;
}

enum err keyring_find(const struct keyring *ring, struct id tenant, uint32_t version,
		      const uint8_t **ret_key)
{
	const size_t at = lower_bound(ring, tenant, version);
	const struct tenant_key *t = tenants_of(ring);

	if (at >= ring->tenants_n || t[at].version != version || !id_eq(t[at].tenant, tenant))
		return ERR_KEY_GONE;
	*ret_key = t[at].key;
	return OK;
}

enum err keyring_rotate_tenant(struct keyring *ring, struct id tenant, uint32_t *ret_version)
{
	const struct tenant_key *old = newest(ring, tenant);
	const uint32_t version = old == NULL ? 1 : old->version + 1;

	TRY(add_key(ring, tenant, version));
	*ret_version = version;
	return OK;
}

enum err keyring_rotate_root(struct keyring *ring)
{
	scoped(secret_free) struct secret *old = NULL;

	TRY(secret_dup((struct bytes){ fixed_of(ring)->root, KEY_LEN }, &old));
	rng_fill(fixed_of(ring)->root, KEY_LEN);
	ring->root_version++;
	const enum err err = ring_save(ring);
	if (err == OK)
		return OK;
	memcpy(fixed_of(ring)->root, secret_bytes(old).p, KEY_LEN);
	ring->root_version--;
	return err;
}

enum err keyring_raise_generation(struct keyring *ring)
{
	ring->generation++;
	const enum err err = ring_save(ring);
	if (err != OK)
		ring->generation--;
	return err;
}

uint64_t keyring_generation(const struct keyring *ring)
{
	return ring->generation;
}

uint32_t keyring_root_version(const struct keyring *ring)
{
	return ring->root_version;
}

uint32_t keyring_working_version(const struct keyring *ring)
{
	return ring->working_version;
}

const uint8_t *keyring_working(const struct keyring *ring, enum working_key which)
{
	return fixed_of(ring)->working[which];
}

const uint8_t *keyring_log_seed(const struct keyring *ring)
{
	return fixed_of(ring)->log_seed;
}
