// SPDX-License-Identifier: Apache-2.0
// The service files as the contract tests see them: what each request of a tool names, and where.

import { readFileSync, readdirSync } from 'node:fs';
import { parse } from 'yaml';

export const CATALOGUE = new URL('../../catalog/', import.meta.url);

export function services() {
	return readdirSync(CATALOGUE).filter((name) => name.endsWith('.yaml')).sort()
		.map((name) => parse(readFileSync(new URL(name, CATALOGUE), 'utf8')));
}

const PLACE = /\{[^{}]+\}/g;
/* The argument that stands there alone, or null. */
const alone = (text) => /^\{([A-Za-z_][\w-]*)\}$/.exec(String(text))?.[1] ?? null;

/* Each member that a body names: its path, and the argument there (null: a constant, a text, or a map). */
function members(body, path = []) {
	if (Array.isArray(body))
		return body.flatMap((each, i) => members(each, [...path, String(i)]));
	if (typeof body === 'object' && body !== null)
		return Object.entries(body).flatMap(([name, value]) =>
			[{ path: [...path, name], argument: alone(value), map: typeof value === 'object' }, ...members(value, [...path, name])]);
	return [];
}

/* Whether something is always sent: it names no argument that may be absent. */
function always(tool, value) {
	const names = [...JSON.stringify(value).matchAll(/\{[+!]?([A-Za-z_][\w-]*)\}/g)].map((match) => match[1]);
	const { required = [], properties = {} } = tool.input;

	return names.every((name) => properties[name] === undefined || required.includes(name) || properties[name].default !== undefined);
}

function* always_sent(tool, body, path = []) {
	for (const [name, value] of Object.entries(body ?? {})) {
		const map = typeof value === 'object' && value !== null && !Array.isArray(value);
		const some = map && [...always_sent(tool, value, [...path, name])].length > 0;
		if (some || (!map && always(tool, value)))
			yield [...path, name].join('.');
		if (map)
			yield* always_sent(tool, value, [...path, name]);
	}
}

/* The last request's answer is what is projected. */
function wanted(tool, last) {
	const { select } = tool;
	const path = (field) => (typeof field === 'string' ? field : Object.values(field)[0]);

	if (select === undefined || !last)
		return [];
	const from = select.from === undefined ? [] : select.from.split('.');
	return [...select.fields.map((field) => ({ from, path: path(field).split('.') })),
		...(select.beside ?? []).map((field) => ({ from: [], path: path(field).split('.') }))];
}

export function requests(service, tool) {
	const steps = Array.isArray(tool.request) ? tool.request : [tool.request];
	const base = service.api.base ?? service.api.hosts[0];
	const type = (argument) => (argument === null ? null : (tool.input.properties[argument]?.type ?? null));

	return steps.map((step, i) => ({
		method: step.method,
		url: step.path.startsWith('/') ? base + step.path : step.path,
		query: Object.entries(step.query ?? {}).map(([name, value]) => ({ name: name.replace(/\[\]$/, ''),
			text: String(value), type: type(alone(Array.isArray(value) ? value[0] : value)), always: always(tool, value) })),
		body: step.body === undefined || typeof step.body === 'string' ? [] : members(step.body)
			.map(({ path, argument, map }) => ({ path: path.join('.'), type: map ? 'object' : type(argument) })),
		sent: step.body === undefined || typeof step.body === 'string' ? [] : [...always_sent(tool, step.body)],
		hasBody: step.body !== undefined,
		send: step.send ?? 'json',
		graphql: step.graphql,
		variables: step.variables,
		answer: wanted(tool, i === steps.length - 1),
	}));
}

/* "document operation operation": one operation for each request; or the address of a page. */
export function described(tool) {
	if (tool.described === undefined)
		return { kind: 'nothing' };
	const [document, ...operations] = tool.described.split(' ');
	return operations.length === 0 ? { kind: 'page', page: document } : { kind: 'document', document, operations };
}

/* Whether @url may be what @template describes: a place of the description takes any one segment, and the
 * service's own places stand for hosts and first segments that differ from account to account. */
export function sameAddress(url, template) {
	const split = (text) => text.replace(/^https:\/\//, '').replace('microsoft.graph.', '').replace(/\/$/, '').split('/');
	const [own, theirs] = [split(url), split(template)];

	return own.length === theirs.length && own.every((segment, i) =>
		segment === theirs[i] || /^\{[^{}]+\}$/.test(theirs[i]) || (i === 0 && segment.replace(PLACE, '{}') === theirs[0].replace(PLACE, '{}')) ||
		segment.replace(PLACE, '{}') === theirs[i].replace(PLACE, '{}'));
}
