// SPDX-License-Identifier: Apache-2.0
// The sandbox provider as a process of its own, its controls, and service files that lead to it.
import { Program, atEnd, binary } from './process.mjs';

export const clientId = 'sandbox';
export const clientSecret = 'sandbox-secret-not-a-secret';

/** Talks to a sandbox that runs at @p origin. */
export class Sandbox {
  constructor(origin) {
    this.origin = origin;
    this.host = new URL(origin).host;
  }

  async control(wish) {
    const answer = await fetch(`${this.origin}/sandbox/control`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(wish),
    });
    if (!answer.ok) throw new Error(`sandbox refused ${JSON.stringify(wish)}: ${await answer.text()}`);
  }

  async observed() {
    return (await fetch(`${this.origin}/sandbox/observed`)).json();
  }

  async counts(service) {
    return (await this.observed()).services[service];
  }

  async tokens(service, kind) {
    const { tokens } = await this.observed();
    return tokens.filter((t) => t.service === service && (!kind || t.kind === kind));
  }

  /** What the account endpoint of the notes service says of a token. */
  me(token) {
    return fetch(`${this.origin}/notes/me`, { headers: { authorization: `Bearer ${token}` } });
  }
}

export async function startSandbox(t) {
  const program = new Program(binary, ['sandbox', '--listen', '127.0.0.1:0']);
  atEnd(t, () => program.stop());
  const [, origin] = await program.says(/listening on (http:\/\/[^/\s]+)/);
  const sandbox = new Sandbox(origin);
  sandbox.program = program;
  return sandbox;
}

/** A service file for the sandbox's "notes" folder, under any id and rotation class. */
export function notesFile(origin, { id = 'notes', rotation = 'strict', scopes, auth = 'basic', errors = '', extra = '' } = {}) {
  const list = scopes ?? { 'notes.read': 'Read all your notes', 'notes.write': 'Change your notes' };
  return `id: ${id}
name: Sandbox ${id}
oauth:
  authorize_url: ${origin}/notes/authorize
  token_url: ${origin}/notes/token
  revoke_url: ${origin}/notes/revoke
  issuer: ${origin}/notes
  client_auth: ${auth}
  pkce: S256
  refresh: {${rotation === 'grace' ? 'class: grace, retry_within: 600' : `class: ${rotation}`}}
  account: {url: "${origin}/notes/me", id: sub, name: email}
${errors && `  errors: ${errors}\n`}  scopes:
${Object.entries(list).map(([name, says]) => `    ${name}: {says: ${says}, risk: low}`).join('\n')}
api:
  hosts: ["${origin}"]
  auth: bearer
${extra}`;
}
