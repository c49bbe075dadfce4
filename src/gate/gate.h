/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * gate - process 1: TLS and HTTP in, frames to core out. It holds the TLS key
 * and the key of its capsules, no other secret for longer than an answer takes,
 * and decides nothing: what is well formed goes to core as it came.
 *
 * Settings read from boot (all optional):
 *   tls.certificate, tls.key   PEM; a name given several times is joined
 *   behind_proxy               true (loopback), or addresses and networks of trusted proxies
 *   limits.connections         in all (16,384)
 *   limits.per_source          from one address (4,096; behind a proxy: no limit)
 *   limits.head_ms             until the first head is complete (10,000)
 *   limits.idle_ms             until a later one is, and least time to take an answer (60,000)
 */

/* Runs the process on its control socket; answers its exit status. */
int gate_main(int control);
