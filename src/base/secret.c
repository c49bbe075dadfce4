/* SPDX-License-Identifier: Apache-2.0 */
#include "base/secret.h"

#include <stdlib.h>
#include <sys/mman.h>

/*
 * A slab of pages locked once serves all small secrets, so that a token in
 * flight costs no system call. What does not fit gets pages of its own.
 */
enum { SLOT_BYTES = 4096, SLOT_COUNT = 256 };

struct secret {
	size_t n;
	size_t mapped; /* 0: it lives in the slab */
	uint8_t p[];
};

static struct {
	uint8_t *base;
	uint16_t free[SLOT_COUNT];
	size_t free_n;
} slab;

static void *pages_new(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	if (mlock(p, n) != 0 || madvise(p, n, MADV_DONTDUMP) != 0 ||
	    madvise(p, n, MADV_WIPEONFORK) != 0) {
		munmap(p, n);
		return NULL;
	}
	return p;
}

static bool slab_ready(void)
{
	if (slab.base != NULL)
		return true;
	slab.base = pages_new((size_t)SLOT_BYTES * SLOT_COUNT);
	for (size_t i = 0; slab.base != NULL && i < SLOT_COUNT; i++)
		slab.free[slab.free_n++] = (uint16_t)(SLOT_COUNT - 1 - i);
	return slab.base != NULL;
}

enum err secret_new(size_t n, struct secret **ret)
{
	struct secret *secret;
	size_t mapped = 0;

	if (n > SIZE_MAX - SLOT_BYTES)
		return FAULT_NOMEM;
	if (sizeof *secret + n <= SLOT_BYTES && slab_ready() && slab.free_n > 0) {
		secret = (void *)(slab.base + (size_t)slab.free[--slab.free_n] * SLOT_BYTES);
	} else {
		mapped = (sizeof *secret + n + SLOT_BYTES - 1) / SLOT_BYTES * SLOT_BYTES;
		secret = pages_new(mapped);
	}
	if (secret == NULL)
		return FAULT_NOMEM;
	secret->n = n;
	secret->mapped = mapped;
	*ret = secret;
	return OK;
}

enum err secret_dup(struct bytes from, struct secret **ret)
{
	TRY(secret_new(from.n, ret));
	put((*ret)->p, from.p, from.n);
	return OK;
}

void secret_free(struct secret **secretp)
{
	struct secret *secret = *secretp;

	if (secret == NULL)
		return;
	*secretp = NULL;
	if (secret->mapped > 0) {
		const size_t mapped = secret->mapped;
		wipe(secret, mapped);
		munmap(secret, mapped);
		return;
	}
	wipe(secret, sizeof *secret + secret->n);
	slab.free[slab.free_n++] = (uint16_t)(((uint8_t *)secret - slab.base) / SLOT_BYTES);
}

struct bytes secret_bytes(const struct secret *secret)
{
	return (struct bytes){ secret->p, secret->n };
}

uint8_t *secret_fill(struct secret *secret)
{
	return secret->p;
}

bool ct_eq(struct bytes a, struct bytes b)
{
	uint8_t diff = 0;

	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		diff |= a.p[i] ^ b.p[i];
	return diff == 0;
}
