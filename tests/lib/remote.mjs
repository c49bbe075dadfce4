// SPDX-License-Identifier: Apache-2.0
// A remote MCP server and its authorization server on two ports, of plain node http: what each
// document says, and whether it is there at all, a test may change at any time.
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';

import { atEnd } from './process.mjs';

const json = (status, body, headers = {}) => ({
  status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body),
});
const missing = () => json(404, { error: 'not_found' });

async function listen(t, serve) {
  const server = createServer(async (request, answer) => {
    let text = '';
    request.on('data', (bytes) => { text += bytes; });
    request.on('end', async () => {
      const url = new URL(request.url, 'http://localhost');
      const form = (request.headers['content-type'] ?? '').startsWith('application/x-www-form-urlencoded');
      const asked = {
        method: request.method, path: url.pathname, query: Object.fromEntries(url.searchParams), headers: request.headers,
        text, body: form ? Object.fromEntries(new URLSearchParams(text)) : JSON.parse(text || 'null'),
      };
      const made = await serve(asked) ?? missing();
      if (made.drop) { request.socket.destroy(); return; }
      if (made.hang) return;
      answer.writeHead(made.status, made.headers);
      if (made.endless) {
        const again = () => { if (!answer.destroyed) answer.write('x'.repeat(65536), () => setImmediate(again)); };
        answer.write(made.body ?? '');
        again();
        return;
      }
      answer.end(made.body);
    });
  });
  await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
  atEnd(t, () => { server.closeAllConnections(); server.close(); });
  return server.address().port;
}

/** An authorization server: RFC 8414, registration, codes with PKCE, rotation, revocation. */
export class Authority {
  constructor({ name = 'as', prefix = '' } = {}) {
    Object.assign(this, { name, prefix, seen: [], codes: new Map(), tokens: new Map(), clients: new Map(), made: 0 });
    this.routes = {};
    this.metadata = {}; // over what is usual; null takes away
    this.iss = true;
    this.life = 3600;
  }

  get issuer() {
    return `http://127.0.0.1:${this.port}${this.prefix}`;
  }

  async start(t) {
    this.port = await listen(t, (asked) => {
      this.seen.push(asked);
      return this.serve(asked);
    });
    return this;
  }

  asked(path) {
    return this.seen.filter((a) => a.path === this.prefix + path || a.path === path);
  }

  document() {
    const all = {
      issuer: this.issuer,
      authorization_endpoint: `${this.issuer}/authorize`,
      token_endpoint: `${this.issuer}/token`,
      registration_endpoint: `${this.issuer}/register`,
      revocation_endpoint: `${this.issuer}/revoke`,
      response_types_supported: ['code'],
      grant_types_supported: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'none'],
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
      ...this.metadata,
    };
    return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null));
  }

  serve(asked) {
    if (this.routes[asked.path]) return this.routes[asked.path](asked);
    if (asked.path === `/.well-known/oauth-authorization-server${this.prefix}`) return json(200, this.document());
    const name = asked.path.startsWith(`${this.prefix}/`) ? asked.path.slice(this.prefix.length + 1) : '';
    return { authorize: () => this.authorize(asked), token: () => this.token(asked), register: () => this.register(asked),
      revoke: () => this.revoke(asked) }[name]?.();
  }

  register({ body }) {
    const method = body.token_endpoint_auth_method ?? 'client_secret_basic';
    const client = { client_id: `${this.name}-client-${++this.made}`, ...body, token_endpoint_auth_method: method };
    if (method !== 'none') client.client_secret = `${this.name}-secret-${this.made}-not-a-secret`;
    this.clients.set(client.client_id, client);
    return json(201, { ...client, registration_access_token: `${this.name}-manage-${this.made}`, client_id_issued_at: 1 });
  }

  authorize({ query }) {
    const back = new URL(query.redirect_uri);
    const code = `${this.name}-code-${++this.made}`;
    this.codes.set(code, query);
    back.searchParams.set('code', code);
    back.searchParams.set('state', query.state);
    if (this.iss) back.searchParams.set('iss', this.iss === true ? this.issuer : this.iss);
    return { status: 302, headers: { location: back.href } };
  }

  pair(grant) {
    const token = `${this.name}-at-${++this.made}`;
    this.tokens.set(token, grant);
    this.refresh = `${this.name}-rt-${this.made}`;
    this.tokens.set(this.refresh, grant);
    return json(200, {
      access_token: token, refresh_token: this.refresh, token_type: 'Bearer', expires_in: this.life,
      ...(grant.scope ? { scope: grant.scope } : {}),
    }, { 'cache-control': 'no-store' });
  }

  token({ body }) {
    if (body.grant_type === 'authorization_code') {
      const grant = this.codes.get(body.code);
      this.codes.delete(body.code);
      const challenge = createHash('sha256').update(body.code_verifier ?? '').digest('base64url');
      if (!grant || challenge !== grant.code_challenge || body.resource !== grant.resource) return json(400, { error: 'invalid_grant' });
      return this.pair(grant);
    }
    const grant = this.tokens.get(body.refresh_token);
    this.tokens.delete(body.refresh_token);
    return grant ? this.pair(grant) : json(400, { error: 'invalid_grant' });
  }

  revoke({ body }) {
    const grant = this.tokens.get(body.token);
    for (const [token, other] of this.tokens) if (other === grant) this.tokens.delete(token);
    return json(200, {});
  }
}

/** An MCP server that takes the tokens of one authority. */
export class Remote {
  constructor(authority, { path = '/mcp' } = {}) {
    Object.assign(this, { authority, path, seen: [], routes: {}, open: false });
    this.metadata = {};
    this.scope = 'notes.read';
    this.named = true; // the challenge says where the metadata are
    this.place = `/.well-known/oauth-protected-resource${path}`;
  }

  get origin() {
    return `http://127.0.0.1:${this.port}`;
  }

  get url() {
    return this.origin + this.path;
  }

  get hosts() {
    return [this, this.authority].map(({ port }) => `127.0.0.1:${port}`);
  }

  async start(t) {
    this.port = await listen(t, (asked) => {
      this.seen.push(asked);
      return this.serve(asked);
    });
    return this;
  }

  asked(path) {
    return this.seen.filter((a) => a.path === path);
  }

  document() {
    const all = {
      resource: this.url, authorization_servers: [this.authority.issuer], scopes_supported: ['notes.read', 'notes.write'],
      bearer_methods_supported: ['header'], ...this.metadata,
    };
    return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null));
  }

  challenge() {
    const parts = [...(this.named ? [`resource_metadata="${this.origin}${this.place}"`] : []), ...(this.scope ? [`scope="${this.scope}"`] : [])];
    return `Bearer ${['realm="mcp"', ...parts].join(', ')}`;
  }

  serve(asked) {
    if (this.routes[asked.path]) return this.routes[asked.path](asked);
    if (asked.path === this.place) return json(200, this.document());
    if (asked.path !== this.path) return missing();
    const token = /^Bearer (.+)$/.exec(asked.headers.authorization ?? '')?.[1];
    const grant = this.authority.tokens.get(token);
    if (!this.open && (!grant || grant.resource !== (this.metadata.resource ?? this.url))) {
      return json(401, { error: 'invalid_token' }, { 'www-authenticate': this.challenge() });
    }
    return json(200, { jsonrpc: '2.0', id: asked.body?.id ?? null, result: { tools: [] } });
  }
}

export { json as jsonAnswer };

/** Both, started. */
export async function startRemote(t, { prefix, path } = {}) {
  const authority = await new Authority({ prefix }).start(t);
  return new Remote(authority, { path }).start(t);
}
