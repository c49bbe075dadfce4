// SPDX-License-Identifier: Apache-2.0
// What stands between Valetkey and a provider: a server in front of the sandbox that may speak TLS well or badly,
// and a name server that may say anything.
import { createSocket } from 'node:dgram';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';

import { atEnd, run } from './process.mjs';

async function openssl(...args) {
  const { code, err } = await run('openssl', args);
  if (code !== 0) throw new Error(`openssl ${args[0]}: ${err}`);
}

/** An authority in @p dir and certificates for @p host: { ca, good, expired, early, elsewhere, foreign, alone } as { key, cert }. */
export async function certificates(dir, host = 'localhost') {
  const file = (name) => join(dir, name);
  const authority = (name) => openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
    '-subj', `/CN=${name}`, '-days', '30', '-keyout', file(`${name}.key`), '-out', file(`${name}.pem`));
  await authority('ca');
  await authority('stranger');
  const leaf = async (name, whose, by, from, to) => {
    await openssl('req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/CN=${whose}`,
      '-addext', `subjectAltName=DNS:${whose}`, '-keyout', file(`${name}.key`), '-out', file(`${name}.csr`));
    await openssl('ca', '-batch', '-config', file('ca.cnf'), '-cert', file(`${by}.pem`), '-keyfile', file(`${by}.key`),
      '-in', file(`${name}.csr`), '-out', file(`${name}.pem`), '-startdate', from, '-enddate', to, '-notext');
  };
  writeFileSync(file('index.txt'), '');
  writeFileSync(file('ca.cnf'), `[ca]\ndefault_ca=it\n[it]\ndatabase=${file('index.txt')}\nnew_certs_dir=${dir}\nrand_serial=yes\n`
    + 'default_md=sha256\npolicy=any\ncopy_extensions=copy\nunique_subject=no\n[any]\ncommonName=supplied\n');
  const [past, long, now, late] = ['20200101000000Z', '20210101000000Z', '20240101000000Z', '20490101000000Z'];
  await leaf('good', host, 'ca', now, late);
  await leaf('expired', host, 'ca', past, long);
  await leaf('early', host, 'ca', '20480101000000Z', late);
  await leaf('elsewhere', 'provider.invalid', 'ca', now, late);
  await leaf('foreign', host, 'stranger', now, late);
  await openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/CN=${host}`,
    '-addext', `subjectAltName=DNS:${host}`, '-days', '30', '-keyout', file('alone.key'), '-out', file('alone.pem'));
  const pair = (name) => ({ key: readFileSync(file(`${name}.key`)), cert: readFileSync(file(`${name}.pem`)) });
  return {
    ca: file('ca.pem'),
    ...Object.fromEntries(['good', 'expired', 'early', 'elsewhere', 'foreign', 'alone'].map((name) => [name, pair(name)])),
  };
}

/** Passes requests on to @p sandbox and counts them. Over TLS with @p secure, which serve() may change. */
export class Front {
  constructor(sandbox, { delayMs = 0 } = {}) {
    Object.assign(this, { sandbox, delayMs, seen: 0, open: 0, most: 0, sockets: new Set() });
  }

  #pass(request, response) {
    this.seen += 1;
    this.open += 1;
    this.most = Math.max(this.most, this.open);
    response.once('close', () => { this.open -= 1; });
    const headers = { ...request.headers, host: this.sandbox.host };
    setTimeout(() => {
      const on = httpRequest(this.sandbox.origin + request.url, { method: request.method, headers }, (answer) => {
        response.writeHead(answer.statusCode, answer.headers);
        answer.pipe(response);
      });
      on.once('error', () => response.destroy());
      request.pipe(on);
    }, this.delayMs);
  }

  /** From now on like this, at the same port: null speaks plain HTTP, 'stalls' accepts and says nothing. */
  async serve(secure) {
    await this.close();
    const pass = (request, response) => this.#pass(request, response);
    if (secure === 'stalls') this.server = createTcpServer();
    else this.server = secure ? createTlsServer(secure, pass) : createServer(pass);
    this.server.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
      socket.on('error', () => {});
    });
    this.server.on('tlsClientError', () => {});
    await new Promise((done, failed) => {
      this.server.once('error', failed);
      this.server.listen(this.port ?? 0, '127.0.0.1', done);
    });
    this.port = this.server.address().port;
  }

  async close() {
    if (!this.server) return;
    const { server } = this;
    this.server = null;
    for (const socket of this.sockets) socket.destroy();
    await new Promise((done) => { server.close(done); });
  }
}

export async function startFront(t, sandbox, secure, options) {
  const front = new Front(sandbox, options);
  atEnd(t, () => front.close());
  await front.serve(secure);
  return front;
}

const A = 1;
const AAAA = 28;

/** A name server: @p says(name) answers { a: [...], aaaa: [...] }, a code like 'nxdomain', or null for silence. */
export async function startNames(t, says) {
  const names = { says, asked: [] };
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    let at = 12;
    const labels = [];
    while (query[at]) {
      labels.push(query.toString('latin1', at + 1, at + 1 + query[at]));
      at += query[at] + 1;
    }
    const type = query.readUInt16BE(at + 1);
    const name = labels.join('.').toLowerCase();
    names.asked.push(name);
    const said = names.says(name, type);
    if (said === null) return;
    const codes = { servfail: 2, nxdomain: 3, refused: 5 };
    const list = typeof said === 'string' ? [] : (type === A ? said.a : type === AAAA ? said.aaaa : []) ?? [];
    const head = Buffer.from(query.subarray(0, at + 5));
    head.writeUInt16BE(0x8180 | (codes[said] ?? 0), 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(list.length, 6);
    head.writeUInt32BE(0, 8);
    const rows = list.map((address) => {
      const bytes = Buffer.from(address);
      const row = Buffer.alloc(12);
      row.writeUInt16BE(0xc00c, 0);
      row.writeUInt16BE(type, 2);
      row.writeUInt16BE(1, 4);
      row.writeUInt32BE(0, 6); // not to be kept
      row.writeUInt16BE(bytes.length, 10);
      return Buffer.concat([row, bytes]);
    });
    socket.send(Buffer.concat([head, ...rows]), from.port, from.address);
  });
  await new Promise((done) => { socket.bind(0, '127.0.0.1', done); });
  atEnd(t, () => new Promise((done) => { socket.close(done); }));
  names.address = `127.0.0.1:${socket.address().port}`;
  return names;
}
