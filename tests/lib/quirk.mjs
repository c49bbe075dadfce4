// SPDX-License-Identifier: Apache-2.0
// A provider with any quirk a test wants, one folder a service, and a daemon that knows them all.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';

import { Jar, land, openLink } from './consent.mjs';
import { makeVault, startDaemon } from './daemon.mjs';
import { atEnd, freePort } from './process.mjs';

export const clientId = 'quirk-client';
export const clientSecret = 'quirk-secret-not-a-secret';

const json = (status, body, headers = {}) => ({
  status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body),
});

/** Puts what differs over what is usual; null takes a member away. */
function over(usual, other) {
  const made = { ...usual };
  for (const [name, value] of Object.entries(other ?? {})) {
    if (value === null) delete made[name];
    else if (value && made[name] && typeof value === 'object' && typeof made[name] === 'object'
      && !Array.isArray(value)) made[name] = over(made[name], value);
    else made[name] = value;
  }
  return made;
}

/** One service at the provider: what it was asked, what it answers. */
class Quirk {
  constructor(rig, id, { file, answers, usual = true }) {
    Object.assign(this, { rig, id, requests: [], tokens: 0, user: `user-${id}` });
    this.at = `http://127.0.0.1:${rig.port}/${id}`;
    this.answers = {
      token: () => json(200, this.pair()),
      refresh: () => json(200, this.pair()),
      revoke: () => json(200, {}),
      me: (request) => (this.credential(request) ? json(200, { id: 7, login: 'ada' }) : json(401, {})),
      ...answers,
    };
    this.file = over(usual ? {
      id,
      name: `Quirk ${id}`,
      oauth: {
        authorize_url: `${this.at}/authorize`,
        token_url: `${this.at}/token`,
        revoke_url: `${this.at}/revoke`,
        client_auth: 'post',
        pkce: 'none',
        scopes: { read: { says: 'Read', risk: 'low' }, write: { says: 'Write', risk: 'high' } },
        account: { url: `${this.at}/me`, id: 'id', name: 'login' },
      },
      api: { hosts: [`http://127.0.0.1:${rig.port}`], auth: 'bearer' },
    } : {}, file);
  }

  pair(more) {
    this.tokens += 1;
    return {
      access_token: `at-${this.id}-${this.tokens}`,
      refresh_token: `rt-${this.id}-${this.tokens}`,
      token_type: 'bearer',
      expires_in: 3600,
      ...more,
    };
  }

  credential(request) {
    return /^Bearer at-/.test(request.headers.authorization ?? '');
  }

  /** Requests to one endpoint, in order. */
  asked(name) {
    return this.requests.filter((r) => r.name === name);
  }

  answer(request) {
    this.requests.push(request);
    let { name } = request;
    if (name === 'token' && request.fields?.grant_type === 'refresh_token') name = 'refresh';
    const answer = this.answers[name] ?? this.answers.other;
    return answer ? answer(request, json) : json(404, {});
  }

  /** As a user would: from the link to the page at the end. */
  async consent({ scopes, set, callback = {}, connection } = {}) {
    const { daemon } = this.rig;
    const jar = new Jar();
    const { url } = await daemon.api('POST', '/connections/start', {
      user: this.user,
      service: this.id,
      ...(scopes ? { scopes } : {}),
      ...(set ? { variables: set } : {}),
      ...(connection ? { connection } : {}),
    });
    const authorize = new URL(await openLink(jar, url));
    const back = new URL(`${daemon.url}/login/callback`);
    back.searchParams.set('code', `code-${this.id}`);
    back.searchParams.set('state', authorize.searchParams.get('state'));
    for (const [name, value] of Object.entries(callback)) back.searchParams.set(name, value);
    return { authorize, ...(await land(jar, back.href)) };
  }

  async connect(options) {
    const done = await this.consent(options);
    assert.equal(done.status, 200, `the consent ends well: ${done.html}`);
    const [connection] = await this.rig.daemon.list(`/connections?user=${this.user}&service=${this.id}`);
    return { ...done, connection };
  }

  show(connection) {
    return this.rig.daemon.api('GET', `/connections/${connection.id}`);
  }

  async lend() {
    return this.rig.daemon.exchange(this.vault.token, this.id);
  }
}

export class Rig {
  #next = 1;

  static async start(t) {
    const rig = new Rig();
    rig.port = await freePort();
    rig.quirks = new Map();
    const server = createServer((request, response) => rig.#serve(request, response));
    await new Promise((done) => server.listen(rig.port, '127.0.0.1', done));
    atEnd(t, () => { server.closeAllConnections(); server.close(); });
    rig.daemon = await startDaemon(t, { allow: [`127.0.0.1:${rig.port}`, `localhost:${rig.port}`] });
    return rig;
  }

  #serve(request, response) {
    let text = '';
    request.on('data', (bytes) => { text += bytes; });
    request.on('end', async () => {
      const url = new URL(request.url, `http://${request.headers.host}`);
      const [, id, ...rest] = url.pathname.split('/');
      const type = request.headers['content-type'] ?? '';
      const fields = type.includes('json') && text ? JSON.parse(text)
        : Object.fromEntries(new URLSearchParams(text));
      const answer = await this.quirks.get(id)?.answer({
        name: rest[0], path: url.pathname, query: url.searchParams, method: request.method, type, fields, headers: request.headers,
      }) ?? json(404, {});
      if (answer.drop) {
        request.socket.destroy();
        return;
      }
      response.writeHead(answer.status, answer.headers);
      response.end(answer.body);
    });
  }

  /** @p make: a quirk's address to what differs from the usual service file; null takes a key away. */
  async service(make = () => ({}), { answers = {}, client = {}, secret = true } = {}) {
    const id = `q${this.#next++}`;
    const quirk = new Quirk(this, id, { answers });
    quirk.file = over(quirk.file, make(quirk.at, quirk));
    await this.daemon.api('POST', '/services', JSON.stringify(quirk.file), { type: 'text/yaml' });
    await this.daemon.api('PUT', `/services/${id}/client`, { client_id: clientId, ...client });
    if (secret) {
      await this.daemon.api('PUT', `/services/${id}/client-secret`, clientSecret, { type: 'application/octet-stream' });
    }
    this.quirks.set(id, quirk);
    quirk.vault = await makeVault(this.daemon, { user: quirk.user, services: { [id]: null } });
    return quirk;
  }

  /** A service file that is not to be taken: what is wrong with it. */
  async refused(make) {
    const quirk = new Quirk(this, `q${this.#next++}`, { answers: {} });
    const answer = await this.daemon.raw('POST', '/services', JSON.stringify(over(quirk.file, make(quirk.at, quirk))), { type: 'text/yaml' });
    assert.equal(answer.status, 400);
    return (await answer.json()).detail;
  }
}
