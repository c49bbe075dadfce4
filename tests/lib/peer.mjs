// SPDX-License-Identifier: Apache-2.0
// A remote MCP server on the official SDK, with the authorization of remote.mjs in front of it or open to all:
// 'one' is SDK 1.x with sessions (versions up to 2025-11-25), 'two' is SDK 2.x, stateless, both eras.
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';

import { McpServer as ServerOne } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { McpServer as ServerTwo, createMcpHandler } from '@modelcontextprotocol/server';
import { z } from 'zod';

import { Authority, Remote } from './remote.mjs';
import { atEnd } from './process.mjs';

function sessions(make, options) {
  const transports = new Map();
  const handler = async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    let body;
    try { body = JSON.parse(Buffer.concat(parts)); } catch { /* none, or the SDK says what is wrong */ }
    const id = request.headers['mcp-session-id'];
    let transport = transports.get(id);
    if (id && !transport) { response.writeHead(404, { 'content-type': 'application/json' }).end('{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session not found"}}'); return; }
    if (!transport) {
      transport = new StreamableHTTPServerTransport({ sessionIdGenerator: randomUUID, onsessioninitialized: (made) => { transports.set(made, transport); } });
      await make(new ServerOne({ name: 'peer', version: '1' }, options), (shape) => shape).connect(transport);
    }
    await transport.handleRequest(request, response, body);
  };
  return { handler, forget: () => transports.clear() };
}

function stateless(make, options) {
  const handler = createMcpHandler(() => make(new ServerTwo({ name: 'peer', version: '2' }, options), (shape) => z.object(shape)));
  return { handler: toNodeHandler(handler), notify: handler.notify, forget() {} };
}

/** @p make puts what the server has into it; called for each session, or request: what it puts there may change. */
export class Peer extends Remote {
  constructor(authority, { sdk, make, path, options }) {
    super(authority ?? new Authority(), { path });
    this.open = !authority;
    this.asks = []; // every request to the endpoint: method, headers, body
    Object.assign(this, { one: sessions, two: stateless }[sdk](make, options));
  }

  async start(t) {
    const server = createServer(async (request, response) => {
      const path = new URL(request.url, 'http://localhost').pathname;
      if (path !== this.path) {
        const made = !this.open && this.serve({ path, method: request.method, headers: request.headers }) || { status: 404, headers: {}, body: '' };
        response.writeHead(made.status, made.headers).end(made.body);
        return;
      }
      const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
      const grant = this.authority.tokens.get(token);
      if (!this.open && (!grant || grant.resource !== this.url)) {
        request.resume();
        response.writeHead(401, { 'www-authenticate': this.challenge() }).end();
        return;
      }
      const parts = [];
      request.on('data', (part) => parts.push(part));
      request.on('end', () => this.asks.push({ method: request.method, headers: request.headers, body: Buffer.concat(parts).toString() }));
      if (this.instead?.(request, response)) return;
      await this.handler(request, response);
    });
    await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
    atEnd(t, () => { server.closeAllConnections(); server.close(); });
    this.port = server.address().port;
    return this;
  }

  /** The messages that came, parsed, of this method. */
  messages(method) {
    return this.asks.flatMap(({ body, headers }) => {
      try { return [{ ...JSON.parse(body), headers }]; } catch { return []; }
    }).filter((m) => m.method === method);
  }
}

export { z };
