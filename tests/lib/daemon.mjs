// SPDX-License-Identifier: Apache-2.0
// A Valetkey daemon in a temporary folder, its API, its command line, its children.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';

import { Program, atEnd, binary, folder, freePort, run, waitFor } from './process.mjs';

export const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token';

export class Daemon {
  constructor({ dir, data, url, token, env }) {
    Object.assign(this, { dir, data, url: url.replace(/\/$/, ''), token, env, markers: 0 });
  }

  /** One call of the management API; throws on an answer that is no success. */
  async api(method, path, body, { type = 'application/json', token = this.token, headers = {} } = {}) {
    const answer = await this.raw(method, path, body, { type, token, headers });
    const text = await answer.text();
    if (!answer.ok) {
      const error = new Error(`${method} ${path}: ${answer.status} ${text}`);
      error.status = answer.status;
      try { error.problem = JSON.parse(text); } catch { /* not JSON: the text says it */ }
      throw error;
    }
    return answer.headers.get('content-type')?.includes('json') && text ? JSON.parse(text) : text;
  }

  raw(method, path, body, { type = 'application/json', token = this.token, headers = {} } = {}) {
    const all = { ...headers };
    if (token) all.authorization = `Bearer ${token}`;
    if (body !== undefined) all['content-type'] = type;
    return fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: all,
      redirect: 'manual',
      body: body === undefined || typeof body === 'string' || body instanceof Uint8Array
        ? body : JSON.stringify(body),
    });
  }

  /** All items of a list, page by page. */
  async list(path) {
    const items = [];
    let after;
    do {
      const sign = path.includes('?') ? '&' : '?';
      const page = await this.api('GET', path + (after ? `${sign}after=${encodeURIComponent(after)}` : ''));
      items.push(...page.items);
      after = page.next;
    } while (after);
    return items;
  }

  /** Runs a command against this daemon. With { json: true } its output is parsed. */
  async cli(args, { json = false, fails = false } = {}) {
    const done = await run(binary, [...args, ...(json ? ['--json'] : [])], {
      env: { ...this.env, VALETKEY_URL: this.url, VALETKEY_TOKEN: this.token, VALETKEY_DATA: this.data },
    });
    if (!fails && done.code !== 0) {
      throw new Error(`valetkey ${args.join(' ')} ended with ${done.code}: ${done.err}${done.out}`);
    }
    return json && done.code === 0 ? JSON.parse(done.out) : done;
  }

  /** POST to the token endpoint. @p form: object or list of pairs. */
  async post(form, { headers = {}, path = '/oauth/token' } = {}) {
    const answer = await fetch(this.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      body: new URLSearchParams(form).toString(),
      redirect: 'manual',
    });
    const text = await answer.text();
    let body = null;
    try { body = JSON.parse(text); } catch { /* the caller looks at text */ }
    return { status: answer.status, headers: answer.headers, text, body };
  }

  exchange(vaultToken, audience, more = {}, options) {
    return this.post({
      grant_type: exchangeGrant,
      subject_token: vaultToken,
      subject_token_type: accessTokenType,
      audience,
      ...more,
    }, options);
  }

  /** Adds a service file and its OAuth client. */
  async addService(file, { id, clientId = 'sandbox', clientSecret = 'sandbox-secret-not-a-secret' }) {
    await this.api('POST', '/services', file, { type: 'text/yaml' });
    await this.api('PUT', `/services/${id}/client`, { client_id: clientId });
    await this.api('PUT', `/services/${id}/client-secret`, clientSecret, { type: 'application/octet-stream' });
  }

  events(query = '') {
    return this.list(`/events?order=asc&limit=500${query}`);
  }

  /** The events, once all that was noted before this call can be found. */
  async settledEvents(query = '') {
    const { id } = await this.api('POST', '/users', { subject: `marker-${process.pid}-${++this.markers}` });
    await waitFor(async () => (await this.api('GET', '/events?kind=user_create&order=desc&limit=20')).items
      .some((e) => e.user === id), { what: 'the projection' });
    return this.events(query);
  }

  /** Waits until the provider has answered a revocation and the probe after it. */
  waitRemoved(id, ms = 10000) {
    return waitFor(async () => {
      const facts = await this.api('GET', `/connections/${id}`);
      return facts.revoked !== 'pending' && facts.probed !== 'pending' && facts;
    }, { what: 'the three facts', ms });
  }

  async ready(ms = 15000) {
    await waitFor(async () => {
      if (this.program?.end) {
        throw Object.assign(new Error(`the daemon ended: ${this.program.err}`), { final: true });
      }
      return (await fetch(`${this.url}/readyz`)).ok;
    }, { what: 'readiness', ms });
  }

  /** Process ids by role: gate, core, keeper, courier. */
  children() {
    return childrenOf(this.program.pid);
  }

  /** Resident bytes by role. */
  memory() {
    return Object.fromEntries(Object.entries(this.children()).map(([role, pid]) => {
      const [, kib] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [0, 0];
      return [role, Number(kib) * 1024];
    }));
  }

  async stop(signal) {
    return this.program.stop(signal);
  }

  /** Starts the same data directory again. */
  async start() {
    this.program = new Program(binary, this.args, { env: this.env, cwd: this.dir });
    await this.ready();
  }
}

/** Role by argument: each child carries its role's name in its command line. */
export function childrenOf(pid) {
  const roles = {};
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'latin1');
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (Number(parent) !== pid || state === 'Z') continue;
      const words = readFileSync(`/proc/${entry}/cmdline`, 'latin1').split('\0');
      const comm = readFileSync(`/proc/${entry}/comm`, 'latin1').trim();
      for (const role of ['gate', 'core', 'keeper', 'courier', 'sandbox']) {
        if (words.some((w) => w === role || w.endsWith(`-${role}`) || w.endsWith(`: ${role}`))
          || comm.endsWith(role)) roles[role] = Number(entry);
      }
    } catch { /* it ended while we looked */ }
  }
  return roles;
}

/** init and serve in a fresh folder. @p allow: host:port that outbound calls may go to. */
export async function startDaemon(t, { allow = [], config = '', args = [], port, dir = folder(t) } = {}) {
  const data = join(dir, 'data');
  const keyFile = join(dir, 'unseal.key');
  port ??= await freePort();
  const url = `http://localhost:${port}/`;
  const env = { XDG_CONFIG_HOME: join(dir, 'config'), HOME: dir };
  const made = await run(binary, ['init', '--data', data, '--key-file', keyFile, '--json'], { env });
  if (made.code !== 0) throw new Error(`init failed: ${made.err}${made.out}`);
  const first = JSON.parse(made.out);
  const token = first.token ?? readFileSync(first.token_file ?? first.admin_token_file, 'utf8').trim();
  const configFile = join(dir, 'valetkey.yaml');
  writeFileSync(configFile, `egress:\n  allow: [${allow.map((a) => `"${a}"`).join(', ')}]\n${config}`);
  const daemon = new Daemon({ dir, data, url, token, env });
  daemon.configFile = configFile;
  daemon.args = ['serve', '--data', data, '--config', configFile, '--listen', `127.0.0.1:${port}`,
    '--issuer', url, ...args];
  atEnd(t, () => daemon.stop());
  await daemon.start();
  return daemon;
}

/** A user, and a vault with the token exchange open for @p services. */
export async function makeVault(daemon, { user, name = 'Test', services, agent, create = true }) {
  if (create) await daemon.api('POST', '/users', { subject: user, name: `Person ${user}` });
  return daemon.api('POST', '/vaults', {
    user,
    name,
    ...(agent ? { agent } : {}),
    policy: policy(name, services),
  });
}

/** @p services: id → list of scopes, or null for all. */
export function policy(name, services) {
  const rows = Object.entries(services).map(([id, scopes]) => (
    `  ${id}:\n    exchange: {effect: allow${scopes ? `, scopes: [${scopes.join(', ')}]` : ''}}\n    default: block\n`));
  return `name: ${name}\nservices:\n${rows.join('')}`;
}

/** POST of a form from an address of this machine. */
export const postFrom = (localAddress, url, form, headers = {}) => new Promise((done, failed) => {
  const out = request(url, {
    method: 'POST', localAddress, headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
  }, (answer) => {
    let text = '';
    answer.on('data', (bytes) => { text += bytes; });
    answer.on('end', () => done({ status: answer.statusCode, headers: answer.headers, body: JSON.parse(text) }));
  });
  out.on('error', failed);
  out.end(new URLSearchParams(form).toString());
});
