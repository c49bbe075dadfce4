// SPDX-License-Identifier: Apache-2.0
// Prints wrk's own output for each run, then medians and ratios. The aims stand in report().
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { acmePolicy, acmeTools } from '../../tests/lib/acme.mjs';
import { connect } from '../../tests/lib/consent.mjs';
import { startDaemon } from '../../tests/lib/daemon.mjs';
import { Endpoint } from '../../tests/lib/mcp.mjs';
import { Ends, Program, freePort } from '../../tests/lib/process.mjs';
import { notesFile, startSandbox } from '../../tests/lib/sandbox.mjs';
import { load, measureSync, median, startNginx } from './measure.mjs';

const seconds = Number(process.env.SECONDS_EACH ?? 4);
const rounds = Number(process.env.ROUNDS ?? 3);
const levels = (process.env.LEVELS ?? '1,16,64').split(',').map(Number);
const only = process.env.ONLY?.split(',');
const ends = new Ends();

const notes = '{"items":[{"id":1,"title":"a note","user":{"login":"bo"}},{"id":2,"title":"another","user":{"login":"eve"}}]}';
const upstream = (port) => `server { listen 127.0.0.1:${port} backlog=4096;
  location / { default_type application/json; return 200 '${notes}'; } }`;
const proxyPass = (to) => (port) => `upstream u { server 127.0.0.1:${to}; keepalive 128; keepalive_requests 1000000000; }
  server { listen 127.0.0.1:${port} backlog=4096;
    location / { proxy_pass http://u/folders/inbox/notes; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Authorization "Bearer a-fixed-header"; } }`;

const params = { 'tools/list': {}, 'tools/call': { name: 'acme_notes_list', arguments: { folder: 'inbox' } } };
const meta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
  'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1' },
};
const accept = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' };

/** What is posted, by era and method. */
function message(era, method, more) {
  const modern = era === 'modern';
  const name = params[method].name;
  return {
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...params[method], ...(modern ? { _meta: meta } : {}) } }),
    headers: {
      ...accept, ...more, 'MCP-Protocol-Version': modern ? '2026-07-28' : '2025-11-25',
      ...(modern ? { 'Mcp-Method': method, ...(name ? { 'Mcp-Name': name } : {}) } : {}),
    },
  };
}

async function startValetkey(to) {
  const sandbox = await startSandbox(ends);
  await sandbox.control({ service: 'notes', rotation: 'stable', lifetime_s: 86400 });
  const origin = `http://127.0.0.1:${to}`;
  const daemon = await startDaemon(ends, { allow: [sandbox.host, `127.0.0.1:${to}`] });
  const file = notesFile(sandbox.origin, { id: 'acme' })
    .replace(/api:\n {2}hosts: \[.*\]/, `api:\n  base: ${origin}\n  hosts: ["${origin}"]`) + acmeTools;
  await daemon.addService(file, { id: 'acme' });
  await daemon.api('POST', '/users', { subject: 'ada' });
  const vault = await daemon.api('POST', '/vaults', { user: 'ada', name: 'Bench', policy: acmePolicy });
  await connect(daemon, { user: 'ada', service: 'acme', account: 'ada' });
  const endpoint = new Endpoint(vault);
  await endpoint.initialize();
  return { daemon, url: vault.mcp_url.replace('localhost', '127.0.0.1'), auth: { Authorization: `Bearer ${vault.token}` }, session: endpoint.session };
}

async function startSdk(which, to) {
  const port = await freePort();
  const program = new Program(process.execPath, [new URL('mcp_sdk.mjs', import.meta.url).pathname, which, String(port), `http://127.0.0.1:${to}`]);
  ends.after(() => program.stop());
  await program.says(/listening/);
  return `http://127.0.0.1:${port}/mcp`;
}

/** That the peer does what is measured: lists four tools, and answers with what the upstream has. */
async function proves(peer, method) {
  const { body, headers } = peer.message(method);
  const answer = await fetch(peer.url, { method: 'POST', headers, body });
  const text = await answer.text();
  const good = peer.bare ? text === notes : method === 'tools/list' ? text.split('"inputSchema"').length === 5 : text.includes('another');
  if (!answer.ok || !good) throw new Error(`${peer.name} answers ${method} with ${answer.status}: ${text.slice(0, 500)}`);
}

async function start() {
  const to = await startNginx(ends, upstream);
  const mine = await startValetkey(to);
  const two = await startSdk('two', to);
  const legacy = (method) => message('legacy', method, { ...mine.auth, 'Mcp-Session-Id': mine.session });
  const all = [
    { name: 'valetkey', era: 'modern', url: mine.url, message: (method) => message('modern', method, mine.auth) },
    { name: 'valetkey', era: 'legacy', url: mine.url, message: legacy },
    { name: 'SDK 2.x', era: 'modern', url: two, message: (method) => message('modern', method) },
    { name: 'SDK 2.x', era: 'legacy', url: two, message: (method) => message('legacy', method) },
    { name: 'SDK 1.x', era: 'legacy', url: await startSdk('one', to), message: (method) => message('legacy', method) },
    {
      name: 'nginx', era: '', bare: true, methods: ['tools/call'], url: `http://127.0.0.1:${await startNginx(ends, proxyPass(to))}/mcp`,
      message: (method) => message('modern', method),
    },
    { name: 'upstream', era: '', bare: true, methods: ['tools/call'], url: `http://127.0.0.1:${to}/`, message: (method) => message('modern', method) },
  ];
  return { mine, peers: all.filter((p) => !only || only.includes(p.name)) };
}

/** Calls in the log that are told to have been carried out. */
function logged(data) {
  const at = join(data, 'log');
  return readdirSync(at).filter((name) => name.endsWith('.jsonl')).reduce((sum, name) => sum
    + readFileSync(join(at, name), 'latin1').split('\n').filter((line) => line.includes('"kind":"call"') && line.includes('"outcome":"ok"')).length, 0);
}

function report(results, sync, methods) {
  const of = (method, connections, peer, what) => {
    const runs = results[method]?.[connections]?.[peer];
    return runs ? median(runs.map((r) => r[what])) : NaN;
  };
  const problems = [];
  console.log(`one durable append of 512 bytes here: ${sync.toFixed(3)} ms (median of 300)`);
  console.log('medians of the rounds; rates per second, times in ms; ratio: valetkey to the faster SDK of that era');
  for (const method of methods) {
    console.log(`${method.padEnd(11)} era     conns  valetkey    p50    p99   SDK 2.x   SDK 1.x     nginx  upstream   ratio`);
    for (const era of ['modern', 'legacy']) {
      for (const connections of levels) {
        const cell = (peer, what, digits, width) => of(method, connections, peer, what).toFixed(digits).padStart(width);
        const sdks = ['SDK 2.x', 'SDK 1.x'].map((p) => of(method, connections, `${p} ${era}`, 'rate')).filter((r) => r > 0);
        const ratio = of(method, connections, `valetkey ${era}`, 'rate') / Math.max(...sdks);
        const mine = `valetkey ${era}`;
        console.log([''.padEnd(11), era, String(connections).padStart(6), cell(mine, 'rate', 0, 9), cell(mine, 'p50', 2, 6), cell(mine, 'p99', 2, 6),
          cell(`SDK 2.x ${era}`, 'rate', 0, 9), cell(`SDK 1.x ${era}`, 'rate', 0, 9), cell('nginx ', 'rate', 0, 9), cell('upstream ', 'rate', 0, 9),
          ratio.toFixed(1).padStart(7)].join(' ').replaceAll('NaN', '  -'));
        if (connections > 1 && ratio < 10) problems.push(`${method}, ${era}, ${connections} connections: ${ratio.toFixed(1)} times the SDK; aimed at is 10`);
        for (const r of results[method]?.[connections]?.[mine] ?? []) {
          if (r.refused || r.errors) problems.push(`${method}, ${era}, ${connections} connections: ${r.refused} refused, ${r.errors}`);
        }
      }
      const added = of(method, 1, `valetkey ${era}`, 'p50') - of('tools/call', 1, 'upstream ', 'p50');
      if (method === 'tools/call' && added > 0) {
        console.log(`  a call, ${era}, adds ${added.toFixed(2)} ms to the bare API call at one connection; aimed at: ${(2 * sync + 0.4).toFixed(2)} ms`);
        if (added > 2 * sync + 0.4) problems.push(`a call, ${era}, adds ${added.toFixed(2)} ms`);
      }
    }
  }
  console.log(problems.length ? `problems:\n  ${problems.join('\n  ')}` : 'no problems: every request was served, aims met');
  process.exitCode = problems.length ? 1 : 0;
}

async function main() {
  const { mine, peers } = await start();
  const methods = (process.env.METHODS ?? 'tools/list,tools/call').split(',');
  const does = (peer, method) => !peer.methods || peer.methods.includes(method);
  for (const peer of peers) for (const method of methods) if (does(peer, method)) await proves(peer, method);
  const sync = measureSync(mine.daemon.dir);
  const results = {};
  let calls = 0;
  const before = logged(mine.daemon.data);
  for (let round = 1; round <= rounds; round++) {
    console.log(`=== round ${round} of ${rounds}`);
    for (const method of methods) {
      for (const connections of levels) {
        for (const peer of peers.filter((p) => does(p, method))) {
          const { body, headers } = peer.message(method);
          const one = await load(`${method}, ${peer.name} ${peer.era}`, peer.url, {
            script: 'mcp.lua', connections, seconds,
            env: { BENCH_BODY: body, BENCH_HEADERS: Object.entries(headers).map(([n, v]) => `${n}: ${v}`).join('\n') },
          });
          (((results[method] ??= {})[connections] ??= {})[`${peer.name} ${peer.era}`] ??= []).push(one);
          if (peer.name === 'valetkey' && method === 'tools/call') calls += one.rate * seconds;
        }
      }
    }
  }
  for (const peer of peers) for (const method of methods) if (does(peer, method)) await proves(peer, method);
  report(results, sync, methods);
  console.log(`calls answered: ${Math.round(calls)}; outcomes "ok" of calls in the log, each behind its intent: ${logged(mine.daemon.data) - before}`);
}

try {
  await main();
} finally {
  await ends.run();
}
