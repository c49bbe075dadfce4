// SPDX-License-Identifier: Apache-2.0
// Canonical JSON (RFC 8785) against the npm package canonicalize.
import assert from 'node:assert/strict';
import test from 'node:test';
import canonicalize from 'canonicalize';
import { ask, Chance, missing } from './peers.mjs';

/** Our answers must be those of the package, byte for byte. */
function compare(texts) {
  const lines = ask('jcs', texts.map((text) => [text]));
  texts.forEach((text, i) => {
    const want = canonicalize(JSON.parse(text));
    assert.equal(/^[0-9a-f]*$/.test(lines[i]) ? Buffer.from(lines[i], 'hex').toString() : lines[i], want, text);
  });
}

function double(chance) {
  const view = new DataView(new ArrayBuffer(8));
  view.setUint32(0, chance.next());
  view.setUint32(4, chance.next());
  const value = view.getFloat64(0);
  return Number.isFinite(value) ? value : double(chance);
}

test('JCS-1 numbers are printed as ECMAScript prints them', { skip: missing }, () => {
  const chance = new Chance(8785);
  const numbers = [0, -0, 1, -1, 0.1, 1 / 3, 5e-324, 2.2250738585072014e-308, Number.MAX_VALUE, 2 ** 53, 1e21, 1e-7];
  for (let n = -1074; n < 1024; n++) numbers.push(2 ** n, 3 * 2 ** n);
  for (let n = -323; n <= 308; n++) numbers.push(Number(`1e${n}`), Number(`9.999999999999999e${n - 1}`));
  for (let i = 0; i < 30000; i++) numbers.push(double(chance));
  for (let i = 0; i < 10000; i++) numbers.push((chance.next() - 2 ** 31) / 10 ** chance.below(12));
  const finite = numbers.filter(Number.isFinite);
  compare(finite.map((n) => (Object.is(n, -0) ? '-0' : String(n))));
  // other ways to write the same number, as long as no whole number loses digits
  compare(finite.filter((n) => Math.abs(n) < 2 ** 53).map((n) => n.toExponential()));
  compare(finite.filter((n) => Math.abs(n) < 1e6 && Math.abs(n) > 1e-6).map((n) => n.toFixed(20)));
});

test('JCS-2 strings, names and nesting come out alike', { skip: missing }, () => {
  const chance = new Chance(3629);
  const letters = ['a', 'b', 'Z', '"', '\\', '/', '\n', '\r', '\t', '\b', '\f', '\u0000', '\u001f', '\u007f', '\u0080',
    'ö', '€', '\ufb33', '\ud7ff', '\ue000', '\uffff', '😀', '\u{10ffff}', '\u2028', '<', ' '];
  const string = () => chance.some(6, () => chance.of(letters)).join('');
  const value = (depth) => {
    const kind = chance.below(depth > 0 ? 8 : 5);
    if (kind === 0) return null;
    if (kind === 1) return chance.flip();
    if (kind === 2) return chance.next() / 2 ** chance.below(40);
    if (kind < 5) return string();
    if (kind === 5) return chance.some(4, () => value(depth - 1));
    return Object.fromEntries(chance.some(kind === 6 ? 5 : 60, () => [string(), value(depth - 1)]));
  };
  const escape = (text) => text.replace(/[^\x00-\x7f]/g, (c) => [...c].map((d) => Array.from({ length: d.length },
    (_, i) => `\\u${d.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')).join(''));
  const texts = Array.from({ length: 600 }, () => JSON.stringify(value(4), null, chance.below(3)));
  compare(texts);
  compare(texts.map(escape));
});
