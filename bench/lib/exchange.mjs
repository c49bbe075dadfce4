// SPDX-License-Identifier: Apache-2.0
// Prints wrk's own output for each run, then medians and ratios. Aims and floor: see the table at the end.
import { closeSync, fdatasyncSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

import { exchangeGrant, accessTokenType } from '../../tests/lib/daemon.mjs';
import { Ends, Program, folder, freePort, run, waitFor } from '../../tests/lib/process.mjs';
import { stage } from '../../tests/lib/stage.mjs';

const seconds = Number(process.env.SECONDS_EACH ?? 4);
const rounds = Number(process.env.ROUNDS ?? 3);
const levels = [1, 16, 64, 256, 1000];
const floor = 20000;
const ends = new Ends();

/** Median of one small append made durable, in ms, where the data directory lies. */
function measureSync(dir) {
  const fd = openSync(join(dir, 'sync'), 'w');
  const line = Buffer.alloc(512, 'x');
  const took = [];
  for (let i = 0; i < 300; i++) {
    const began = process.hrtime.bigint();
    writeSync(fd, line);
    fdatasyncSync(fd);
    took.push(Number(process.hrtime.bigint() - began) / 1e6);
  }
  closeSync(fd);
  return median(took);
}

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

function ms(text) {
  const [, value, unit] = /^([\d.]+)(us|ms|s|m)$/.exec(text);
  return Number(value) * { us: 0.001, ms: 1, s: 1000, m: 60000 }[unit];
}

async function startNginx(body) {
  const dir = folder(ends);
  const port = await freePort();
  writeFileSync(join(dir, 'nginx.conf'), `daemon off; worker_processes 1; pid ${dir}/pid; error_log stderr error;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path ${dir}/a; proxy_temp_path ${dir}/b; fastcgi_temp_path ${dir}/c; uwsgi_temp_path ${dir}/d; scgi_temp_path ${dir}/e;
  server { listen 127.0.0.1:${port} backlog=4096;
    location / { default_type application/json; add_header Cache-Control no-store; return 200 '${body}'; } }
}
`);
  const program = new Program('/usr/sbin/nginx', ['-c', join(dir, 'nginx.conf'), '-e', 'stderr', '-p', dir]);
  ends.after(() => program.stop());
  const url = `http://127.0.0.1:${port}/oauth/token`;
  await waitFor(async () => (await fetch(url, { method: 'POST', body: 'x' })).ok, { what: 'nginx' });
  return url;
}

async function startOidcProvider() {
  const port = await freePort();
  const program = new Program(process.execPath, [new URL('oidc-provider.mjs', import.meta.url).pathname, String(port)]);
  ends.after(() => program.stop());
  await program.says(/listening/);
  return `http://127.0.0.1:${port}/token`;
}

async function load(peer, connections) {
  const threads = Math.min(connections, 2);
  const { out, err, code } = await run('wrk', ['-t', String(threads), '-c', String(connections), '-d', `${seconds}s`,
    '--timeout', '5s', '--latency', '-s', new URL('post.lua', import.meta.url).pathname, peer.url], {
    env: { BENCH_BODY: peer.body, BENCH_AUTH: peer.auth ?? '' },
  });
  if (code !== 0) throw new Error(err);
  console.log(`--- ${peer.name}, ${connections} connections\n${out}`);
  return {
    rate: Number(/Requests\/sec:\s+([\d.]+)/.exec(out)[1]),
    p50: ms(/^\s+50%\s+(\S+)/m.exec(out)[1]),
    p99: ms(/^\s+99%\s+(\S+)/m.exec(out)[1]),
    refused: Number(/Non-2xx or 3xx responses: (\d+)/.exec(out)?.[1] ?? 0),
    errors: /Socket errors: (.*)/.exec(out)?.[1] ?? '',
  };
}

async function main() {
  const s = await stage(ends, { rotation: 'replaced', lifetime: 86400 });
  const form = new URLSearchParams({
    grant_type: exchangeGrant, subject_token: s.vault.token, subject_token_type: accessTokenType, audience: s.service,
  }).toString();
  const { text } = await s.ask();
  const peers = [
    { name: 'valetkey', url: `${s.daemon.url.replace('localhost', '127.0.0.1')}/oauth/token`, body: form },
    { name: 'nginx', url: await startNginx(text), body: form },
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
        ((results[connections] ??= {})[peer.name] ??= []).push(await load(peer, connections));
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
