// SPDX-License-Identifier: Apache-2.0
// Starts the real gate before the small core of gate_harness.c, and talks to it byte by byte.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const binary = process.env.VALETKEY_GATE_HARNESS ??
  fileURLToPath(new URL('../../build/src/gate/gate_harness', import.meta.url));

/** False, or the reason why these tests cannot run here. */
export const missing = existsSync(binary) ? false : 'gate_harness is not built';

/** Starts gate with @p settings (name → value); it ends with the test @p t. @p clear: it speaks plain HTTP. */
export async function startGate(t, settings = {}, { clear = true } = {}) {
  const args = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  const child = spawn(binary, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  child.stderr.on('data', (data) => { log += data; });
  t.after(() => { child.kill('SIGKILL'); });
  const exited = once(child, 'exit').then(([code, signal]) => ({ code, signal }));
  const line = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line').then(([text]) => text),
    exited.then(({ code, signal }) => { throw new Error(`gate ended: ${code} ${signal}\n${log}`); }),
  ]);
  const port = Number(line.split(' ')[1]);
  const gate = {
    port,
    url: `http://127.0.0.1:${port}`,
    exited,
    log: () => log,
    stats: async () => (await fetch(`http://127.0.0.1:${port}/stats`)).json(),
  };
  if (clear) gate.pid = (await gate.stats()).gate;
  return gate;
}

/** What gate's process holds at present. */
export function holds(pid) {
  const rss = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
  return { fds: readdirSync(`/proc/${pid}/fd`).length, rss };
}

/** A connection whose bytes are all kept. `text()` is what came, `closed` resolves at the end. */
export async function dial(port, options = {}) {
  const socket = connect({ port, host: '127.0.0.1', ...options });
  const chunks = [];
  socket.on('data', (data) => chunks.push(data));
  socket.on('error', () => {});
  const closed = new Promise((resolve) => { socket.on('close', resolve); });
  const ended = new Promise((resolve) => { socket.on('end', resolve); socket.on('close', resolve); });
  await new Promise((resolve, reject) => { socket.once('connect', resolve); socket.once('error', reject); });
  return { socket, closed, ended, text: () => Buffer.concat(chunks).toString('latin1') };
}

export const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/**
 * Sends @p bytes on a connection of their own and waits until the server closes or is silent.
 * Answers the statuses of all answers, the whole text, and whether the server closed.
 */
export async function send(port, bytes, { wait = 1500 } = {}) {
  const c = await dial(port, { allowHalfOpen: true });
  const parts = Array.isArray(bytes) ? bytes : [bytes];
  for (const part of parts) c.socket.write(typeof part === 'string' ? Buffer.from(part, 'latin1') : part);
  const closed = await Promise.race([c.ended.then(() => true), sleep(wait).then(() => false)]);
  c.socket.destroy();
  const text = c.text();
  return { text, closed, statuses: [...text.matchAll(/HTTP\/1\.[01] (\d{3}) /g)].map((m) => Number(m[1])) };
}

/** The JSON body of the last answer in @p text. */
export function bodyOf(text) {
  return JSON.parse(text.slice(text.lastIndexOf('\r\n\r\n') + 4));
}

export const HOST = 'Host: a\r\n';
export const GET = (target, extra = '') => `GET ${target} HTTP/1.1\r\n${HOST}${extra}\r\n`;
