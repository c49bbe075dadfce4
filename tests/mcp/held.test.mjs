// SPDX-License-Identifier: Apache-2.0
// The small version of bench/held: many calls wait, all are approved, and each is carried out once as it was shown.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { holdMany } from '../lib/held.mjs';

for (const [way, sentence] of [
  ['api', 'by plain HTTP'], ['legacy', 'over MCP of 2025-11-25, with progress'], ['modern', 'over MCP of 2026-07-28'],
]) {
  test(`three hundred calls held ${sentence} are each carried out once, as they were approved`, async (t) => {
    const { wrong, messages } = await holdMany(t, { count: 300, way, wait: 1000 });
    assert.deepEqual(wrong, []);
    assert.ok(way !== 'legacy' || messages >= 600, `${messages} events: the progress and the answer of each`);
  });
}
