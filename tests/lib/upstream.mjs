// SPDX-License-Identifier: Apache-2.0
// A provider's API of plain node http that remembers what it was asked, and a stage with the proxy in front of it.
import { createServer } from 'node:http';

import { freePort } from './process.mjs';
import { connect } from './consent.mjs';
import { startDaemon } from './daemon.mjs';
import { startSandbox } from './sandbox.mjs';

const read = async (request) => {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  return Buffer.concat(pieces);
};

/** Answers by path: what @p routes says (a function of request, answer and body), else an echo as JSON. */
export async function startUpstream(t, routes = {}) {
  const seen = [];
  const server = createServer(async (request, answer) => {
    request.on('error', () => {});
    const path = request.url.split('?')[0];
    const entry = { method: request.method, url: request.url, headers: request.headers, raw: request.rawHeaders };
    seen.push(entry);
    if (routes[path]?.live) {
      routes[path].live(request, answer, entry);
      return;
    }
    try { entry.body = await read(request); } catch { entry.aborted = true; return; }
    if (routes[path]) {
      routes[path](request, answer, entry);
      return;
    }
    answer.setHeader('content-type', 'application/json');
    answer.end(JSON.stringify({ method: request.method, url: request.url, body: entry.body.toString('latin1') }));
  });
  server.keepAliveTimeout = 30000;
  const port = await freePort();
  await new Promise((done) => { server.listen(port, '127.0.0.1', done); });
  t?.after(() => { server.closeAllConnections(); server.close(); });
  return {
    server, port, seen, routes, host: `127.0.0.1:${port}`, origin: `http://127.0.0.1:${port}`,
    last: () => seen.at(-1),
    clear: () => { seen.length = 0; },
  };
}

/** A service with the sandbox's OAuth and an API at @p origin. */
export function acmeFile(sandbox, origin, { id = 'acme', rotation = 'stable', tools = '', api = '', folder = 'notes', extra = '' } = {}) {
  return `id: ${id}
name: Acme
oauth:
  authorize_url: ${sandbox}/${folder}/authorize
  token_url: ${sandbox}/${folder}/token
  revoke_url: ${sandbox}/${folder}/revoke
  issuer: ${sandbox}/${folder}
  client_auth: basic
  pkce: S256
  refresh: {class: ${rotation}}
  account: {url: "${sandbox}/${folder}/me", id: sub, name: email}
${extra}  scopes:
    notes.read: {says: Read all your notes, risk: low}
    notes.write: {says: Change your notes, risk: low}
api:
  hosts: ["${origin}"]
  auth: bearer
${api}${tools && `tools:\n${tools}`}`;
}

export const tools = `  - name: things.list
    title: List things
    says: List the things of an owner
    effect: read
    scopes: [notes.read]
    input: {type: object, required: [owner], properties: {owner: {type: string}, page: {type: integer}}, additionalProperties: false}
    request: {method: GET, path: "/owners/{owner}/things", query: {page: "{page}"}}
    summary: "List the things of {owner}"
  - name: things.create
    title: Create a thing
    says: Create a thing for an owner
    effect: write
    scopes: [notes.write]
    input: {type: object, required: [owner, title], properties: {owner: {type: string}, title: {type: string}, size: {type: integer}}, additionalProperties: false}
    request: {method: POST, path: "/owners/{owner}/things", body: {title: "{title}", size: "{size}"}}
    summary: "Create {title} for {owner}"
  - name: things.delete
    title: Delete a thing
    says: Delete a thing for good
    effect: destructive
    scopes: [notes.write]
    input: {type: object, required: [owner, id], properties: {owner: {type: string}, id: {type: integer}}, additionalProperties: false}
    request: {method: DELETE, path: "/owners/{owner}/things/{id}"}
    summary: "Delete thing {id} of {owner}"
`;

/** Sandbox, upstream, daemon, one connected user with a vault whose policy is @p policy. */
export async function proxyStage(t, { routes, policy, lifetime = 3600, rotation = 'stable', config, file = {}, sandbox: wish = {}, scopes } = {}) {
  const sandbox = await startSandbox(t);
  await sandbox.control({ service: 'notes', rotation, lifetime_s: lifetime, ...wish });
  const upstream = await startUpstream(t, routes);
  const daemon = await startDaemon(t, { allow: [sandbox.host, upstream.host], config });
  await daemon.addService(acmeFile(sandbox.origin, upstream.origin, { rotation, tools, ...file }), { id: 'acme' });
  await daemon.api('POST', '/users', { subject: 'ada', name: 'Ada' });
  const vault = await daemon.api('POST', '/vaults', { user: 'ada', name: 'Test', policy: policy ?? acmePolicy() });
  const stage = { sandbox, upstream, daemon, vault };
  stage.connection = await connect(daemon, { user: 'ada', service: 'acme', account: 'ada', scopes });
  stage.policy = (text) => daemon.api('PUT', `/vaults/${vault.id}/policy`, text, { type: 'text/yaml' });
  /** One request through the proxy. */
  stage.ask = (method, path, { body, headers = {}, token = vault.token, service = 'acme', ...more } = {}) => (
    fetch(`${daemon.url}/proxy/${service}${path}`, {
      method, body, redirect: 'manual', ...more,
      headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...headers },
    }));
  stage.token = async () => (await sandbox.tokens('notes', 'access')).at(-1)?.token;
  return stage;
}

export const acmePolicy = (rules = 'default: allow\n    proxy: allow', rest = '') => `name: Test
services:
  acme:
    ${rules}
${rest}`;
