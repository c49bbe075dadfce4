// SPDX-License-Identifier: Apache-2.0
// Looks for bytes that must not be there, also in their usual disguises.
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

export function files(dir) {
  return readdirSync(dir).flatMap((name) => {
    const path = join(dir, name);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (!stat) return [];
    return stat.isDirectory() ? files(path) : stat.isFile() ? [path] : [];
  });
}

/** The ways in which @p secret could have been written: as it is, in hex, in base64 at any offset. */
export function disguises(secret) {
  const bytes = Buffer.from(secret);
  const found = [bytes, Buffer.from(bytes.toString('hex')), Buffer.from(bytes.toString('hex').toUpperCase()),
    Buffer.from(encodeURIComponent(secret))];
  for (let shift = 0; shift < 3; shift++) {
    // Of a base64 text only what does not depend on its neighbours.
    const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64').replace(/=+$/, '');
    const middle = text.slice(shift === 0 ? 0 : shift + 1, -2);
    if (middle.length >= 12) {
      found.push(Buffer.from(middle), Buffer.from(middle.replace(/\+/g, '-').replace(/\//g, '_')));
    }
  }
  return found;
}

/** Answers "WHERE holds NAME" for each of @p secrets (name → text) found in @p places (name → bytes). */
export function leaks(secrets, places) {
  const found = [];
  for (const [name, secret] of Object.entries(secrets)) {
    const forms = disguises(secret);
    for (const [where, bytes] of Object.entries(places)) {
      if (forms.some((form) => bytes.includes(form))) found.push(`${where} holds ${name}`);
    }
  }
  return found;
}

/** Every file below @p dir, as places for leaks(). */
export function placesOf(dir, skip = () => false) {
  return Object.fromEntries(files(dir).filter((f) => !skip(f)).map((f) => [f, readFileSync(f)]));
}
