// SPDX-License-Identifier: Apache-2.0
// Clients whose client_id is the address of a document about them (CIMD). Here they prove themselves by a key, so that
// the token endpoint has to know their document; what the consent page makes of them is in authorize tests.
import assert from 'node:assert/strict';
import { createServer as createPlain } from 'node:http';
import { createServer as createTcp } from 'node:net';
import { test } from 'node:test';

import { assertion, makeKey, proven } from '../lib/client.mjs';
import { startDaemon } from '../lib/daemon.mjs';
import { startNames } from '../lib/front.mjs';
import { atEnd } from '../lib/process.mjs';
import { publisher } from '../lib/publisher.mjs';

const config = (it, more = '') => `  ca_file: ${it.ca}\n${more}authserver:\n  client_metadata_documents: true\n`;

async function begin(t) {
  const it = await publisher(t);
  const daemon = await startDaemon(t, { allow: [`localhost:${it.port}`], config: config(it) });
  const key = await makeKey();
  const document = (path, more = {}) => ({
    client_id: it.origin + path, client_name: 'By document', redirect_uris: ['http://localhost/callback'],
    token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [key.jwk] }, ...more,
  });
  /** The answer to a request that the client of @p address has signed; what the token is matters not. */
  const ask = async (address) => daemon.exchange('vk_vault_x', 'notes',
    proven(await assertion(key, address, `${daemon.url}/`)));
  /** It is known who asks; only then is it looked at what is asked for. */
  const known = async (address, why = address) => {
    const answer = await ask(address);
    assert.equal(answer.body.error, 'invalid_request', `${why}: ${answer.text}`);
    assert.equal(answer.status, 400, why);
  };
  const unknown = async (address, why = address) => {
    const answer = await ask(address);
    assert.equal(answer.status, 401, `${why}: ${answer.text}`);
    assert.equal(answer.body.error, 'invalid_client', why);
  };
  return { it, daemon, key, document, ask, known, unknown };
}

test('documents', async (t) => {
  const s = await begin(t);
  const { it, daemon } = s;

  await t.test('CM-03 a document that names its own address is believed, and kept as its headers say', async () => {
    it.pages['/good.json'] = { body: s.document('/good.json'), headers: { 'cache-control': 'max-age=600' } };
    await s.known(`${it.origin}/good.json`);
    await s.known(`${it.origin}/good.json`);
    assert.equal(it.seen.filter((path) => path === '/good.json').length, 1);
    const row = (await daemon.api('GET', '/agents')).items.find((agent) => agent.client_id === `${it.origin}/good.json`);
    assert.equal(row.name, 'By document');
  });

  await t.test('CM-03 one byte of difference is another client', async () => {
    it.pages['/other.json'] = { body: s.document('/other.jsoN') };
    await s.unknown(`${it.origin}/other.json`);
    it.pages['/slash.json'] = { body: s.document('/slash.json/') };
    await s.unknown(`${it.origin}/slash.json`);
    it.pages['/none.json'] = { body: s.document('/none.json', { client_id: undefined }) };
    await s.unknown(`${it.origin}/none.json`);
  });

  await t.test('CM-01 an address that could mean two things is not fetched', async () => {
    const before = it.seen.length;
    for (const address of [`http://localhost:${it.port}/good.json`, it.origin, `${it.origin}/`, `${it.origin}/a/../good.json`,
      `${it.origin}/./good.json`, `${it.origin}/good.json#x`, `https://me@localhost:${it.port}/good.json`,
      `https://me:x@localhost:${it.port}/good.json`, `${it.origin}/${'a'.repeat(600)}`]) await s.unknown(address);
    assert.equal(it.seen.length, before);
  });

  await t.test('CM-02 what is no 200, or no JSON, is refused; a redirect is not followed; nothing is remembered', async () => {
    const page = { body: s.document('/state.json') };
    for (const spoilt of [{ ...page, status: 301, headers: { location: `${it.origin}/good.json` } }, { ...page, status: 404 },
      { ...page, status: 500 }, { ...page, status: 201 }, { ...page, type: 'text/html' }, { ...page, type: 'application/jsonx' },
      { body: 'nothing' }, { body: '[]' }]) {
      it.pages['/state.json'] = spoilt;
      await s.unknown(`${it.origin}/state.json`, JSON.stringify([spoilt.status, spoilt.type]));
    }
    it.pages['/state.json'] = page;
    await s.known(`${it.origin}/state.json`, 'mended, and asked for again at once');
  });

  await t.test('CM-02 who is sent here by a program whose document cannot be read is told so, and sent nowhere', async () => {
    const asked = new URLSearchParams({ client_id: `${it.origin}/absent.json`, redirect_uri: 'http://localhost/callback', response_type: 'code' });
    const page = await fetch(`${daemon.url}/authorize?${asked}`, { redirect: 'manual' });
    assert.equal(page.status, 400);
    assert.equal(page.headers.get('location'), null);
    assert.match(await page.text(), /could not be read from here/);
  });

  await t.test('CM-10 client_ids of our making are no addresses', async () => {
    const answer = await fetch(`${daemon.url}/oauth/register`, {
      method: 'POST', headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ redirect_uris: ['https://app.example/cb'], client_id: `${it.origin}/good.json` }),
    });
    assert.match((await answer.json()).client_id, /^agent_[0-9A-Z]{26}$/);
    const agent = await daemon.api('POST', '/agents', { name: 'https://app.example/x' });
    assert.match(agent.client_id, /^agent_/);
  });
});

test('documents: secrets and sizes', async (t) => {
  const s = await begin(t);
  const { it } = s;

  await t.test('CM-04 what anybody can read holds no secret', async () => {
    for (const [n, more] of [{ client_secret: 'x' }, { client_secret_expires_at: 0 }, { token_endpoint_auth_method: 'client_secret_basic' },
      { token_endpoint_auth_method: 'client_secret_post' }, { token_endpoint_auth_method: 'client_secret_jwt' },
      { jwks: { keys: [s.key.secret] } }].entries()) {
      it.pages[`/secret${n}`] = { body: s.document(`/secret${n}`, more) };
      await s.unknown(`${it.origin}/secret${n}`, JSON.stringify(more));
    }
  });

  await t.test('CM-06 five KiB are enough, one byte more is too much', async () => {
    for (const [path, size, ok] of [['/fits', 5120, true], ['/large', 5121, false], ['/huge', 50 * 1024 * 1024, false]]) {
      const body = JSON.stringify(s.document(path));
      it.pages[path] = { body: body + ' '.repeat(size - body.length) };
      await (ok ? s.known : s.unknown)(it.origin + path);
    }
  });

  await t.test('CM-06 one byte a second is cut off by the deadline, and others are served meanwhile', async () => {
    let closed = false;
    it.pages['/slow'] = (request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const timer = setInterval(() => response.write(' '), 1000);
      response.on('close', () => { clearInterval(timer); closed = true; });
    };
    it.pages['/quick'] = { body: s.document('/quick') };
    const began = Date.now();
    const slow = s.unknown(`${it.origin}/slow`);
    await s.known(`${it.origin}/quick`);
    assert.ok(Date.now() - began < 2000);
    await slow;
    assert.ok(Date.now() - began < 8000, 'there is a deadline');
    assert.ok(closed);
  });

  await t.test('CM-02 a hundred at once for one address are one fetch', async () => {
    it.pages['/crowd'] = (request, response) => setTimeout(() => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(s.document('/crowd')));
    }, 300);
    await Promise.all(Array.from({ length: 100 }, () => s.known(`${it.origin}/crowd`)));
    assert.equal(it.seen.filter((path) => path === '/crowd').length, 1);
  });
});

test('CM-05 a document is not looked for on this machine or in a private network', async (t) => {
  const it = await publisher(t);
  let touched = 0;
  const tcp = createTcp((socket) => { touched += 1; socket.destroy(); });
  await new Promise((done) => { tcp.listen(0, '127.0.0.1', done); });
  const plain = createPlain(() => { touched += 1; });
  await new Promise((done) => { plain.listen(0, '::1', done); });
  atEnd(t, () => { tcp.close(); plain.close(); });
  const daemon = await startDaemon(t, { config: config(it) });
  const key = await makeKey();
  for (const host of ['127.0.0.1', '127.1.2.3', 'localhost', '10.0.0.1', '192.168.1.1', '172.16.0.1', '169.254.169.254', '100.64.0.1',
    '0.0.0.0', '[::1]', '[fc00::1]', '[fe80::1]', '[::ffff:127.0.0.1]', '[64:ff9b::7f00:1]', '2130706433', '0x7f.1']) {
    for (const port of ['', `:${tcp.address().port}`]) {
      const address = `https://${host}${port}/client.json`;
      const answer = await daemon.exchange('vk_vault_x', 'notes', proven(await assertion(key, address, `${daemon.url}/`)));
      assert.ok([401, 429].includes(answer.status), `${address}: ${answer.text}`);
    }
  }
  assert.equal(touched, 0);
  assert.deepEqual(it.seen, []);
});

test('CM-05 a name whose answer is or becomes a private address is not connected to', async (t) => {
  const it = await publisher(t);
  const loopback = [...Array(15).fill(0), 1];
  const answers = [{ a: [[127, 0, 0, 1]] }, { a: [[10, 0, 0, 1]] }, { aaaa: [loopback] }, { a: [[169, 254, 169, 254]] },
    { a: [[100, 64, 0, 1]] }, { a: [[127, 0, 0, 1]], aaaa: [loopback] }];
  const names = await startNames(t, () => answers[0]);
  const daemon = await startDaemon(t, { config: config(it, `  resolvers: ["${names.address}"]\n`) });
  const key = await makeKey();
  while (answers.length > 0) {
    const address = `https://client${answers.length}.test/client.json`;
    const answer = await daemon.exchange('vk_vault_x', 'notes', proven(await assertion(key, address, `${daemon.url}/`)));
    assert.equal(answer.status, 401, answer.text);
    answers.shift();
  }
  assert.ok(names.asked.length >= 6);
  assert.deepEqual(it.seen, []);
});

test('CM-01 where documents are switched off no address is fetched, and none is offered', async (t) => {
  const it = await publisher(t);
  const daemon = await startDaemon(t, {
    allow: [`localhost:${it.port}`], config: config(it).replace('documents: true', 'documents: false'),
  });
  const key = await makeKey();
  const answer = await daemon.exchange('vk_vault_x', 'notes', proven(await assertion(key, `${it.origin}/c`, `${daemon.url}/`)));
  assert.equal(answer.status, 401);
  assert.deepEqual(it.seen, []);
  const metadata = await (await fetch(`${daemon.url}/.well-known/oauth-authorization-server`)).json();
  assert.equal(metadata.client_id_metadata_document_supported, undefined);
});
