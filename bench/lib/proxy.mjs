// SPDX-License-Identifier: Apache-2.0
// Prints wrk's own output for each run, then medians, ratios and added latency. The aim: two thirds of nginx at 64 connections.
import { connect } from '../../tests/lib/consent.mjs';
import { startDaemon } from '../../tests/lib/daemon.mjs';
import { Ends } from '../../tests/lib/process.mjs';
import { startSandbox } from '../../tests/lib/sandbox.mjs';
import { acmeFile, acmePolicy } from '../../tests/lib/upstream.mjs';
import { load, measureSync, median, startNginx } from './measure.mjs';

const seconds = Number(process.env.SECONDS_EACH ?? 4);
const rounds = Number(process.env.ROUNDS ?? 3);
const levels = (process.env.LEVELS ?? '1,64').split(',').map(Number);
const cases = [
  { name: 'GET 1 KiB', path: '/1k' },
  { name: 'GET 1 MiB', path: '/1m' },
  { name: 'POST 1 KiB', path: '/1k', body: 1024 },
  { name: 'POST 1 MiB', path: '/1k', body: 1024 * 1024 + 1 }, // one byte more than is looked at whole: it streams
].filter((c) => !process.env.CASES || process.env.CASES.split(',').includes(c.name));
const aim = 2 / 3;
const ends = new Ends();
const probed = { probe: '/1k', files: { '1k': Buffer.alloc(1024, 'k'), '1m': Buffer.alloc(1024 * 1024, 'm') } };

// A file is no answer to a POST: 405 becomes the file. The body is read all the same.
const upstream = (port, dir) => `server { listen 127.0.0.1:${port} backlog=4096; root ${dir};
    error_page 405 =200 $uri; location / { default_type application/octet-stream; } }`;

const proxyPass = (to) => (port) => `upstream u { server 127.0.0.1:${to}; keepalive 128; keepalive_requests 1000000000; }
  server { listen 127.0.0.1:${port} backlog=4096;
    location / { proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Authorization "Bearer a-fixed-header"; } }`;

async function startProxy(to) {
  const sandbox = await startSandbox(ends);
  await sandbox.control({ service: 'notes', rotation: 'stable', lifetime_s: 86400 });
  const daemon = await startDaemon(ends, { allow: [sandbox.host, `127.0.0.1:${to}`] });
  await daemon.addService(acmeFile(sandbox.origin, `http://127.0.0.1:${to}`), { id: 'acme' });
  await daemon.api('POST', '/users', { subject: 'ada', name: 'Ada' });
  const vault = await daemon.api('POST', '/vaults', { user: 'ada', name: 'Bench', policy: acmePolicy() });
  await connect(daemon, { user: 'ada', service: 'acme' });
  return { daemon, name: 'valetkey', url: `${daemon.url.replace('localhost', '127.0.0.1')}/proxy/acme`, auth: `Bearer ${vault.token}` };
}

function report(results, sync) {
  const of = (name, connections, peer, what) => median(results[name][connections][peer].map((r) => r[what]));
  const problems = [];
  console.log(`one durable append of 512 bytes here: ${sync.toFixed(3)} ms (median of 300)`);
  console.log('medians of the rounds; rates per second, times in ms; added: our p50 less nginx\'s');
  console.log('case         conns  valetkey    p50    p99     nginx    p50    p99   direct    p50  valetkey/nginx   added');
  for (const { name } of cases) {
    for (const connections of levels) {
      const cell = (peer, what, digits, width) => of(name, connections, peer, what).toFixed(digits).padStart(width);
      const ratio = of(name, connections, 'valetkey', 'rate') / of(name, connections, 'nginx', 'rate');
      const added = of(name, connections, 'valetkey', 'p50') - of(name, connections, 'nginx', 'p50');
      console.log([name.padEnd(12), String(connections).padStart(5), cell('valetkey', 'rate', 0, 9), cell('valetkey', 'p50', 2, 6),
        cell('valetkey', 'p99', 2, 6), cell('nginx', 'rate', 0, 9), cell('nginx', 'p50', 2, 6), cell('nginx', 'p99', 2, 6),
        cell('direct', 'rate', 0, 8), cell('direct', 'p50', 2, 6), ratio.toFixed(3).padStart(15), added.toFixed(2).padStart(7)].join(' '));
      if (connections === 64 && ratio < aim) problems.push(`${name}: ${ratio.toFixed(3)} of nginx at 64 connections; aimed at is ${aim.toFixed(3)}`);
      for (const r of results[name][connections].valetkey) {
        if (r.refused) problems.push(`${name}, ${connections} connections: ${r.refused} requests were refused`);
        if (r.errors) problems.push(`${name}, ${connections} connections: ${r.errors}`);
      }
    }
  }
  console.log(problems.length ? `problems:\n  ${problems.join('\n  ')}` : 'no problems: every request was served, aim met');
  process.exitCode = problems.length ? 1 : 0;
}

async function main() {
  const to = await startNginx(ends, upstream, probed);
  const mine = await startProxy(to);
  const peers = [
    mine,
    { name: 'nginx', url: `http://127.0.0.1:${await startNginx(ends, proxyPass(to), probed)}` },
    { name: 'direct', url: `http://127.0.0.1:${to}` },
  ].filter((p) => !process.env.ONLY || process.env.ONLY.split(',').includes(p.name));
  const sync = measureSync(mine.daemon.dir);
  const results = {};
  for (let round = 1; round <= rounds; round++) {
    console.log(`=== round ${round} of ${rounds}`);
    for (const what of cases) {
      for (const connections of levels) {
        for (const peer of peers) {
          (((results[what.name] ??= {})[connections] ??= {})[peer.name] ??= []).push(await load(`${what.name}, ${peer.name}`, peer.url + what.path, {
            script: 'body.lua', connections, seconds, env: { BENCH_BYTES: String(what.body ?? 0), BENCH_AUTH: peer.auth ?? '' },
          }));
        }
      }
    }
  }
  if (!process.env.ONLY) report(results, sync);
}

try {
  await main();
} finally {
  await ends.run();
}
