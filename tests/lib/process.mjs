// SPDX-License-Identifier: Apache-2.0
// Starting and ending processes, temporary folders, free ports, waiting.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const binary = process.env.VALETKEY
  ?? new URL('../../build/valetkey', import.meta.url).pathname;

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** Asks @p probe until it answers something true, or throws what it threw last. */
export async function waitFor(probe, { what = 'it', ms = 10000, every = 25 } = {}) {
  const end = Date.now() + ms;
  let last;
  for (;;) {
    try {
      const found = await probe();
      if (found) return found;
      last = undefined;
    } catch (error) {
      if (error.final) throw error;
      last = error;
    }
    if (Date.now() > end) throw new Error(`${what} did not come within ${ms} ms`, { cause: last });
    await sleep(every);
  }
}

/** A port of 127.0.0.1 that nobody has at this moment. */
export function freePort() {
  return new Promise((done, failed) => {
    const server = createServer();
    server.once('error', failed);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

/** A folder that is removed at the end of test @p t (also null: by the caller). */
export function folder(t) {
  const path = mkdtempSync(join(tmpdir(), 'valetkey-test-'));
  atEnd(t, () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }));
  return path;
}

/** A running program: its output so far, its end, and stop(). Ended with the test. */
export class Program {
  constructor(command, args, { env, cwd } = {}) {
    this.out = '';
    this.err = '';
    this.child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout.on('data', (bytes) => { this.out += bytes; });
    this.child.stderr.on('data', (bytes) => { this.err += bytes; });
    this.ended = new Promise((done) => {
      this.child.once('error', (error) => done({ error }));
      this.child.once('close', (code, signal) => done({ code, signal }));
      // What it started may outlive it and hold its output open: that is not waited for.
      this.child.once('exit', (code, signal) => setTimeout(() => done({ code, signal }), 5000).unref());
    });
    this.ended.then((how) => { this.end = how; });
  }

  get pid() {
    return this.child.pid;
  }

  /** Waits for a line that matches @p pattern on standard output or error. */
  async says(pattern, ms = 10000) {
    return waitFor(() => {
      const found = pattern.exec(this.out) ?? pattern.exec(this.err);
      if (!found && this.end) {
        throw Object.assign(new Error(`it ended with ${JSON.stringify(this.end)}: ${this.out}${this.err}`), { final: true });
      }
      return found;
    }, { what: `${pattern} in the output`, ms });
  }

  async stop(signal = 'SIGTERM', ms = 15000) {
    if (this.end) return this.end;
    this.child.kill(signal);
    const late = setTimeout(() => this.child.kill('SIGKILL'), ms);
    const how = await this.ended;
    clearTimeout(late);
    return how;
  }
}

/** Runs a program to its end, which has to come within @p options.ms. */
export async function run(command, args, { ms = 120000, ...options } = {}) {
  const program = new Program(command, args, options);
  let late = false;
  const timer = setTimeout(() => { late = true; program.child.kill('SIGKILL'); }, ms);
  const { code, signal, error } = await program.ended;
  clearTimeout(timer);
  if (error) throw error;
  if (late) throw new Error(`${command} ${args.join(' ')} did not end within ${ms} ms: ${program.err}${program.out}`);
  return { code, signal, out: program.out, err: program.err };
}

/** What is to be ended when a whole file is done: takes the place of a test's own after(). */
export class Ends {
  #list = [];

  after(end) {
    this.#list.push(end);
  }

  /** The newest first; one that fails does not keep the others from being ended. */
  async run() {
    let failed = null;
    for (const end of this.#list.splice(0).reverse()) {
      try { await end(); } catch (error) { failed ??= error; }
    }
    if (failed) throw failed;
  }
}

const ends = new WeakMap();

/** Like t.after(), which runs the oldest first: a folder would go before the daemon in it. */
export function atEnd(t, end) {
  if (!t) return;
  if (t instanceof Ends) {
    t.after(end);
    return;
  }
  if (!ends.has(t)) {
    const list = new Ends();
    ends.set(t, list);
    t.after(() => list.run());
  }
  ends.get(t).after(end);
}
