/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/bytes.h"

/*
 * secret - bytes that must not outlive their use. The type is opaque and has
 * no way to be printed; its memory is locked, left out of core dumps, not
 * inherited by a fork, and wiped before it is released.
 */
struct secret;

/* Zeroed bytes of a fixed size. FAULT_NOMEM also when memory cannot be locked. */
must_check enum err secret_new(size_t n, struct secret **ret);
must_check enum err secret_dup(struct bytes from, struct secret **ret);
void secret_free(struct secret **secretp);
struct bytes secret_bytes(const struct secret *secret);
uint8_t *secret_fill(struct secret *secret);

/* Compares in a time that depends on the lengths alone. */
bool ct_eq(struct bytes a, struct bytes b);
