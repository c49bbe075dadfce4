// SPDX-License-Identifier: Apache-2.0
// Holds many calls at once, measures the processes while they wait, has all approved, and compares what the
// provider got with what was approved.
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';

import { acmeStage } from '../../tests/lib/acme.mjs';
import { sleep } from '../../tests/lib/process.mjs';

const count = Number(process.env.HELD ?? 10000);
const cleanups = [];
const t = { after: (fn) => cleanups.push(fn) };

function kib(pid, file, name) {
  const found = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/${file}`, 'latin1'));
  return found ? Number(found[1]) : 0;
}

/** User and system time so far, in milliseconds. */
function cpu(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const words = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(words[11]) + Number(words[12])) * 10;
}

const snapshot = (daemon) => Object.fromEntries(Object.entries(daemon.children())
  .map(([role, pid]) => [role, { pss: kib(pid, 'smaps_rollup', 'Pss'), cpu: cpu(pid) }]));

/** @p work over all of @p list, so many at a time. */
async function each(list, width, work) {
  let next = 0;
  await Promise.all(Array.from({ length: width }, async () => {
    while (next < list.length) await work(list[next], next++);
  }));
}

/** From several addresses: one alone may not hold so many. */
function held(url, token, text, i) {
  const body = JSON.stringify({ service: 'acme', tool: 'notes.send', arguments: { to: 'bo', text }, wait: true });
  return new Promise((done, failed) => {
    const asked = request(`http://127.0.0.1:${new URL(url).port}/api/v1/calls`, {
      localAddress: `127.0.0.${2 + (i % 8)}`,
      method: 'POST',
      agent: new Agent(),
      headers: { host: new URL(url).host, authorization: `Bearer ${token}`, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    }, (answer) => {
      answer.resume();
      answer.on('end', () => done(answer.statusCode));
    });
    asked.on('error', failed);
    asked.end(body);
  });
}

const print = (what, daemon, before) => {
  const now = snapshot(daemon);
  const total = Object.values(now).reduce((sum, p) => sum + p.pss, 0);
  const parts = Object.entries(now).map(([role, p]) =>
    `${role} ${(p.pss / 1024).toFixed(1)} MiB${before ? `, ${p.cpu - before[role].cpu} ms of processor` : ''}`);
  console.log(`${what}: ${(total / 1024).toFixed(1)} MiB in all (${parts.join('; ')})`);
  return now;
};

const s = await acmeStage(t, { answer: (r) => ({ status: 201, body: JSON.parse(r.body) }) });
try {
  const vaults = new Array(count);
  await each([...vaults.keys()], 32, async (i) => { vaults[i] = await s.newVault(); });
  print('before', s.daemon);
  const began = Date.now();
  const answers = vaults.map((vault, i) => held(s.daemon.url, vault.token, `text ${i}`, i));
  let pending = [];
  while (pending.length < count) {
    await sleep(500);
    pending = await s.daemon.list('/approvals?state=pending&limit=500');
  }
  console.log(`${count} calls held after ${Date.now() - began} ms`);
  const first = print('held', s.daemon);
  await sleep(10000);
  print('held, ten seconds later', s.daemon, first);
  const resumed = Date.now();
  await each(pending, 64, (one) => s.approve(one.id));
  const decided = Date.now();
  const statuses = await Promise.all(answers);
  console.log(`approved in ${decided - resumed} ms; all answered after ${Date.now() - resumed} ms`);
  print('after', s.daemon, first);
  const sent = s.upstream.seen.map((r) => JSON.parse(r.body).text);
  const good = statuses.every((x) => x === 200) && sent.length === count && new Set(sent).size === count;
  console.log(good ? `each was carried out once, with its own bytes: ${count}`
    : `WRONG: ${sent.length} requests, ${new Set(sent).size} different, ${statuses.filter((x) => x !== 200).length} bad answers`);
  process.exitCode = good ? 0 : 1;
} finally {
  for (const fn of cleanups.reverse()) await fn();
}
process.exit();
