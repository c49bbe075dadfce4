// SPDX-License-Identifier: Apache-2.0
// Prints wrk's own output for each run, then medians and ratios. Aims and floor: see the table at the end.
import { exchangeGrant, accessTokenType } from '../../tests/lib/daemon.mjs';
import { Ends, Program, freePort } from '../../tests/lib/process.mjs';
import { stage } from '../../tests/lib/stage.mjs';
import { load, measureSync, median, startNginx } from './measure.mjs';

const seconds = Number(process.env.SECONDS_EACH ?? 4);
const rounds = Number(process.env.ROUNDS ?? 3);
const levels = [1, 16, 64, 256, 1000];
const floor = 20000;
const ends = new Ends();

const nginx = (body) => (port) => `server { listen 127.0.0.1:${port} backlog=4096;
    location / { default_type application/json; add_header Cache-Control no-store; return 200 '${body}'; } }`;

async function startOidcProvider() {
  const port = await freePort();
  const program = new Program(process.execPath, [new URL('oidc-provider.mjs', import.meta.url).pathname, String(port)]);
  ends.after(() => program.stop());
  await program.says(/listening/);
  return `http://127.0.0.1:${port}/token`;
}

async function main() {
  const s = await stage(ends, { rotation: 'replaced', lifetime: 86400 });
  const form = new URLSearchParams({
    grant_type: exchangeGrant, subject_token: s.vault.token, subject_token_type: accessTokenType, audience: s.service,
  }).toString();
  const { text } = await s.ask();
  const peers = [
    { name: 'valetkey', url: `${s.daemon.url.replace('localhost', '127.0.0.1')}/oauth/token`, body: form },
    { name: 'nginx', url: `http://127.0.0.1:${await startNginx(ends, nginx(text))}/oauth/token`, body: form },
    {
      name: 'oidc-provider', url: await startOidcProvider(), body: 'grant_type=client_credentials',
      auth: `Basic ${Buffer.from('bench:bench-value-for-loopback-only').toString('base64')}`,
    },
  ];
  const sync = measureSync(s.daemon.dir);
  const results = {};
  for (let round = 1; round <= rounds; round++) {
    console.log(`=== round ${round} of ${rounds}`);
    for (const connections of levels) {
      for (const peer of peers) {
        ((results[connections] ??= {})[peer.name] ??= []).push(await load(peer.name, peer.url, {
          script: 'post.lua', connections, seconds, env: { BENCH_BODY: peer.body, BENCH_AUTH: peer.auth ?? '' },
        }));
      }
    }
  }
  report(results, sync);
}

function report(results, sync) {
  const of = (connections, peer, what) => median(results[connections][peer].map((r) => r[what]));
  console.log(`one durable append of 512 bytes here: ${sync.toFixed(3)} ms (median of 300)`);
  console.log('medians of the rounds; rates per second, times in ms');
  console.log('conns  valetkey   p50    p99      nginx  oidc-provider  valetkey/nginx  valetkey/oidc-provider');
  for (const connections of levels) {
    const [mine, nginx, oidc] = ['valetkey', 'nginx', 'oidc-provider'].map((p) => of(connections, p, 'rate'));
    console.log([String(connections).padStart(5), mine.toFixed(0).padStart(9), of(connections, 'valetkey', 'p50').toFixed(2).padStart(6),
      of(connections, 'valetkey', 'p99').toFixed(2).padStart(6), nginx.toFixed(0).padStart(10), oidc.toFixed(0).padStart(14),
      (mine / nginx).toFixed(3).padStart(15), (mine / oidc).toFixed(1).padStart(23)].join(' '));
  }
  const problems = [];
  for (const connections of levels) {
    for (const r of results[connections].valetkey) {
      if (r.refused) problems.push(`${connections} connections: ${r.refused} requests were refused`);
      if (r.errors) problems.push(`${connections} connections: ${r.errors}`);
    }
  }
  const at64 = of(64, 'valetkey', 'rate');
  if (at64 < floor) problems.push(`${at64.toFixed(0)}/s at 64 connections is below the floor of ${floor}/s`);
  if (of(1000, 'valetkey', 'rate') < at64 / 2) problems.push('it stalls at 1000 connections');
  if (of(1, 'valetkey', 'p50') > sync + 0.25) {
    problems.push(`p50 at one connection is ${of(1, 'valetkey', 'p50').toFixed(2)} ms; aimed at is ${(sync + 0.25).toFixed(2)} ms`);
  }
  console.log(problems.length ? `problems:\n  ${problems.join('\n  ')}` : 'no problems: every request was served, no stall, floor and aim of latency met');
  process.exitCode = problems.length ? 1 : 0;
}

try {
  await main();
} finally {
  await ends.run();
}
