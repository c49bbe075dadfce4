// SPDX-License-Identifier: Apache-2.0
// A provider of our own making: the sandbox signs in, a plain HTTP server is the API and keeps what it got, byte for byte.
import { createServer } from 'node:http';

import { connect } from './consent.mjs';
import { startDaemon } from './daemon.mjs';
import { atEnd, waitFor } from './process.mjs';
import { notesFile, startSandbox } from './sandbox.mjs';

/** An API that answers what @p answer says, and remembers each request whole. */
export async function startUpstream(t, answer = () => ({ status: 200, body: { ok: true } })) {
  const upstream = { seen: [], answer };
  const server = createServer((request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', async () => {
      const got = {
        method: request.method, url: request.url, headers: request.headers, body: Buffer.concat(parts).toString(),
      };
      upstream.seen.push(got);
      const said = await upstream.answer(got, upstream.seen.length, request.socket);
      if (!said) return;
      const text = typeof said.body === 'string' ? said.body : JSON.stringify(said.body ?? null);
      response.writeHead(said.status ?? 200, { 'content-type': said.type ?? 'application/json', ...said.headers });
      response.end(said.status === 204 ? undefined : text);
    });
  });
  await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
  atEnd(t, () => new Promise((done) => { server.closeAllConnections(); server.close(done); }));
  upstream.port = server.address().port;
  upstream.host = `127.0.0.1:${upstream.port}`;
  upstream.origin = `http://${upstream.host}`;
  upstream.writes = () => upstream.seen.filter((r) => r.method !== 'GET');
  return upstream;
}

const input = (properties, required) => `{type: object, required: [${required}], properties: ${properties}, additionalProperties: false}`;

export const acmeTools = `resources:
  folder:
    says: A folder
    context: {request: {method: GET, path: "/folders/{folder}"}, private: /private}
tools:
  - name: notes.list
    title: List notes
    says: List the notes of a folder
    effect: read
    scopes: [notes.read]
    input: ${input('{folder: {type: string}, limit: {type: integer, minimum: 1, maximum: 100}}', 'folder')}
    resource: {folder: "{folder}"}
    request: {method: GET, path: "/folders/{folder}/notes", query: {limit: "{limit}"}}
    select: {from: items, fields: [id, title, {author: user.login}]}
    summary: "List the notes of {folder}"
  - name: notes.send
    title: Send a note
    says: Send a note to a person
    effect: write
    scopes: [notes.write]
    input: ${input('{to: {type: string, minLength: 1}, text: {type: string}, amount: {type: number}}', 'to, text')}
    request: {method: POST, path: "/notes", body: {to: "{to}", text: "{text}", amount: "{amount}"}}
    summary: "Send to {to}: {text}"
  - name: notes.replace
    title: Replace a note
    says: Replace the text of a note, whatever its revision is
    effect: write
    scopes: [notes.write]
    input: ${input('{id: {type: integer}, text: {type: string}}', 'id, text')}
    request:
      - {method: GET, path: "/notes/{id}"}
      - {method: PUT, path: "/notes/{id}", body: {text: "{text}", rev: "{1.rev}"}}
    summary: "Replace note {id}"
  - name: notes.delete
    title: Delete a note
    says: Delete a note for good
    effect: destructive
    scopes: [notes.write]
    input: ${input('{id: {type: integer}}', 'id')}
    request: {method: DELETE, path: "/notes/{id}"}
    summary: "Delete note {id}"
`;

export const acmePolicy = `name: Test
services:
  acme:
    default: block
    tools:
      notes.list: allow
      notes.send: approve
      notes.replace: approve
      notes.delete: step_up
`;

/** Daemon, provider, one user with a connected account and a vault whose writes need a person. */
export async function acmeStage(t, { policy = acmePolicy, answer, connected = true, user = 'ada', config, allow = [] } = {}) {
  const sandbox = await startSandbox(t);
  await sandbox.control({ service: 'notes', rotation: 'strict', lifetime_s: 3600 });
  const upstream = await startUpstream(t, answer);
  const daemon = await startDaemon(t, { allow: [sandbox.host, upstream.host, ...allow], config });
  const file = notesFile(sandbox.origin, { id: 'acme' })
    .replace(/api:\n {2}hosts: \[.*\]/, `api:\n  base: ${upstream.origin}\n  hosts: ["${upstream.origin}"]`) + acmeTools;
  await daemon.addService(file, { id: 'acme' });
  await daemon.api('POST', '/users', { subject: user });
  const vault = await daemon.api('POST', '/vaults', { user, name: 'Desk', policy });
  const stage = { sandbox, upstream, daemon, vault, user, file };
  if (connected) stage.connection = await connect(daemon, { user, service: 'acme', account: user });
  return Object.assign(stage, callsOf(stage));
}

/** What an agent and a person do, as functions. */
function callsOf(stage) {
  const { daemon } = stage;
  const json = async (answer) => {
    const text = await answer.text();
    let body = null;
    try { body = JSON.parse(text); } catch { /* the test looks at the text */ }
    return { status: answer.status, text, body };
  };
  const raw = (text, token = stage.vault.token) => daemon.raw('POST', '/calls', text, { token }).then(json);
  return {
    raw,
    call: (tool, args, { token, ...more } = {}) =>
      raw(JSON.stringify({ service: 'acme', tool, arguments: args, ...more }), token),
    outcome: (id, { token = stage.vault.token, wait = false } = {}) =>
      daemon.raw('GET', `/calls/${id}${wait ? '?wait=true' : ''}`, undefined, { token }).then(json),
    withdraw: (id, token = stage.vault.token) => daemon.raw('DELETE', `/calls/${id}`, undefined, { token }).then(json),
    approve: (id, body) => daemon.raw('POST', `/approvals/${id}/approve`, body).then(json),
    deny: (id, body) => daemon.raw('POST', `/approvals/${id}/deny`, body).then(json),
    show: (id) => daemon.api('GET', `/approvals/${id}`),
    newVault: (policy = acmePolicy, more = {}) =>
      daemon.api('POST', '/vaults', { user: stage.user, name: 'Another', policy, ...more }),
    settled: (id) => waitFor(async () => {
      const shown = await daemon.api('GET', `/approvals/${id}`);
      return (shown.state !== 'pending' && shown.state !== 'approved' && shown.outcome !== 'open') && shown;
    }, { what: 'the outcome' }),
  };
}
