// SPDX-License-Identifier: Apache-2.0
// What the benchmarks share: nginx as a peer, wrk and what it prints, the price of one sync.
import { closeSync, fdatasyncSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

import { Program, folder, freePort, run, waitFor } from '../../tests/lib/process.mjs';

export const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

function ms(text) {
  const [, value, unit] = /^([\d.]+)(us|ms|s|m)$/.exec(text);
  return Number(value) * { us: 0.001, ms: 1, s: 1000, m: 60000 }[unit];
}

/** Median of one small append made durable, in ms, where the data directory lies. */
export function measureSync(dir) {
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

/** One worker; @p http writes what stands in its http block, for a port and a folder of its own. Answers the port. */
export async function startNginx(ends, http, { probe = '/', files = {} } = {}) {
  const dir = folder(ends);
  const port = await freePort();
  for (const [name, content] of Object.entries(files)) writeFileSync(join(dir, name), content);
  writeFileSync(join(dir, 'nginx.conf'), `${process.getuid() === 0 ? 'user root; ' : ''}daemon off; worker_processes 1; pid ${dir}/pid; error_log stderr error;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 1000000000; sendfile on; client_max_body_size 8m; client_body_buffer_size 2m;
  client_body_temp_path ${dir}/a; proxy_temp_path ${dir}/b; fastcgi_temp_path ${dir}/c; uwsgi_temp_path ${dir}/d; scgi_temp_path ${dir}/e;
  ${http(port, dir)}
}
`);
  const program = new Program('/usr/sbin/nginx', ['-c', join(dir, 'nginx.conf'), '-e', 'stderr', '-p', dir]);
  ends.after(() => program.stop());
  await waitFor(async () => (await fetch(`http://127.0.0.1:${port}${probe}`)).ok, { what: 'nginx' });
  return port;
}

/** One run of wrk; prints what it says, and answers the figures. */
export async function load(title, url, { script, connections, seconds, env }) {
  const { out, err, code } = await run('wrk', ['-t', String(Math.min(connections, 2)), '-c', String(connections), '-d', `${seconds}s`,
    '--timeout', '5s', '--latency', '-s', new URL(script, import.meta.url).pathname, url], { env });
  if (code !== 0) throw new Error(err);
  console.log(`--- ${title}, ${connections} connections\n${out}`);
  return {
    rate: Number(/Requests\/sec:\s+([\d.]+)/.exec(out)[1]),
    p50: ms(/^\s+50%\s+(\S+)/m.exec(out)[1]),
    p99: ms(/^\s+99%\s+(\S+)/m.exec(out)[1]),
    refused: Number(/Non-2xx or 3xx responses: (\d+)/.exec(out)?.[1] ?? 0),
    errors: /Socket errors: (.*)/.exec(out)?.[1] ?? '',
  };
}
