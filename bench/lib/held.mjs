// SPDX-License-Identifier: Apache-2.0
// Prints what tests/lib/held.mjs measures.
import { holdMany } from '../../tests/lib/held.mjs';
import { Ends } from '../../tests/lib/process.mjs';

const count = Number(process.env.HELD ?? 10000);
const waits = Number(process.env.WAIT_MS ?? 10000);
const aim = 160;
const ends = new Ends();
let failed = false;

for (const way of (process.env.WAYS ?? 'api,legacy,modern').split(',')) {
  let first = null;
  let most = 0;
  console.log(`=== ${count} calls, ${{ api: 'plain HTTP', legacy: 'MCP of 2025-11-25, following progress', modern: 'MCP of 2026-07-28' }[way]}`);
  try {
    const figures = await holdMany(ends, {
      count, way, wait: waits,
      told: (what, now) => {
        const total = Object.values(now).reduce((sum, p) => sum + p.pss, 0) / 1024;
        const parts = Object.entries(now).map(([role, p]) => `${role} ${(p.pss / 1024).toFixed(1)} MiB${first ? `, ${p.cpu - first[role].cpu} ms of processor` : ''}`);
        console.log(`${{ before: 'before', held: 'held', later: `held, ${waits / 1000} s later`, after: 'after' }[what]}: ${total.toFixed(1)} MiB in all (${parts.join('; ')})`);
        if (what === 'held') first = now;
        if (what === 'held' || what === 'later') most = Math.max(most, total);
      },
    });
    console.log(`held after ${figures.held} ms; approved in ${figures.approved} ms; all answered after ${figures.answered} ms; ${figures.messages} events came, ${figures.legs} calls came again`);
    for (const problem of figures.wrong) console.log(`WRONG: ${problem}`);
    if (figures.wrong.length === 0) console.log('each was carried out once, with the bytes that were approved');
    if (count === 10000) console.log(`most while held: ${most.toFixed(1)} MiB; aimed at: ${aim} MiB`);
    failed ||= figures.wrong.length > 0 || (count === 10000 && most > aim);
  } finally {
    await ends.run();
  }
}
process.exit(failed ? 1 : 0);
