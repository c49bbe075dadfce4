// SPDX-License-Identifier: Apache-2.0
// Public descriptions of APIs, read into one form: operation(name) answers
//   { method, path, parameters: [{ name, in, required, type }], body: schema | null, send, answer: schema | null,
//     scopes: [[any of]] | null }
// and find(reference) a schema.

import { parse } from 'yaml';

const METHODS = ['get', 'put', 'post', 'patch', 'delete'];
const pointer = (doc) => (ref) =>
	ref.replace(/^#\//, '').split('/').reduce((at, name) => at?.[name.replaceAll('~1', '/').replaceAll('~0', '~')], doc);

function server(doc) {
	if (doc.servers === undefined)
		return `https://${doc.host ?? ''}${doc.basePath ?? ''}`;
	const { url, variables } = doc.servers[0];
	return url.replace(/\/$/, '').replace(/\{(\w+)\}/g, (place, name) => (name === 'region' ? place : (variables?.[name]?.default ?? place)));
}

function bodyOf(find, op) {
	const body = op.requestBody?.$ref === undefined ? op.requestBody : find(op.requestBody.$ref);
	const types = Object.keys(body?.content ?? {});
	const form = types.find((type) => type.includes('x-www-form-urlencoded'));
	const json = types.find((type) => type.includes('json')) ?? types.find((type) => type === '*/*');

	if (types.length === 0)
		return { body: null, send: null };
	return { body: body.content[json ?? form ?? types[0]].schema ?? {}, send: json !== undefined ? 'json' : form !== undefined ? 'form' : 'text' };
}

function answerOf(find, op) {
	const code = ['200', '201', '202', '2XX', 'default'].find((each) => op.responses?.[each] !== undefined);
	const response = op.responses?.[code]?.$ref === undefined ? op.responses?.[code] : find(op.responses[code].$ref);
	const type = Object.keys(response?.content ?? {}).find((each) => each.includes('json') || each === '*/*');

	return response?.content?.[type]?.schema ?? response?.schema ?? null;
}

function scopesOf(doc, op) {
	if (op['x-pd-requires-scope'] !== undefined)	/* PagerDuty says it in a sentence and so */
		return [[op['x-pd-requires-scope']]];
	const sets = (op.security ?? doc.security ?? []).map((each) => Object.values(each).flat()).filter((set) => set.length > 0);
	return sets.length > 0 ? sets : null;
}

/* Swagger 2 puts the members of a form among the parameters. */
function swaggerBody(list, consumes = []) {
	const form = list.filter((parameter) => parameter.in === 'formData');
	const body = list.find((parameter) => parameter.in === 'body');

	if (body !== undefined)
		return { body: body.schema, send: 'json' };
	if (form.length === 0)
		return { body: null, send: null };
	return { send: consumes.includes('application/json') ? null : 'form', body: { type: 'object', additionalProperties: false,
		required: form.filter((each) => each.required).map((each) => each.name),
		properties: Object.fromEntries(form.map((each) => [each.name, each])) } };
}

function openapi(text, { server: instead, aliases = {}, partial = [] }) {
	const doc = text.startsWith('{') ? JSON.parse(text) : parse(text, { maxAliasCount: -1, uniqueKeys: false });
	const find = pointer(doc);
	const operations = new Map();

	for (const [path, item] of Object.entries(doc.paths))
		for (const method of METHODS) {
			const op = item[method];
			if (op === undefined)
				continue;
			const list = [...(item.parameters ?? []), ...(op.parameters ?? [])]
				.map((parameter) => (parameter.$ref === undefined ? parameter : find(parameter.$ref)));
			const { body, send } = doc.swagger === undefined ? bodyOf(find, op) : swaggerBody(list, op.consumes ?? doc.consumes);
			const parameters = list.filter((each) => ['query', 'path', 'header'].includes(each.in))
				.map((each) => ({ name: each.name, in: each.in, required: each.required === true,
					schema: each.schema ?? each.content?.['application/json']?.schema ?? each }));
			const address = Object.entries(aliases).reduce((at, [from, to]) => at.replace(from, to), (instead ?? server(doc)) + path);
			const found = { method: method.toUpperCase(), path: address, parameters, send,
				body: partial.includes(op.operationId) ? { ...body, required: [] } : body,
				answer: answerOf(find, op), scopes: scopesOf(doc, op) };
			operations.set(op.operationId, found);
			operations.set(`${found.method} ${path}`, found);
		}
	return { find, operation: (name) => operations.get(name), version: String(doc.info.version) };
}

/* Google's own form. */
function discovery(text) {
	const doc = JSON.parse(text);
	const operations = new Map();
	const walk = (at) => {
		for (const method of Object.values(at.methods ?? {})) {
			const required = (schema) => ({ ...schema, required: Object.entries(schema.properties ?? {})
				.filter(([, value]) => value.annotations?.required?.includes(method.id)).map(([name]) => name) });
			operations.set(method.id, {
				method: method.httpMethod,
				path: doc.rootUrl + doc.servicePath + method.path,
				parameters: Object.entries({ ...doc.parameters, ...method.parameters })
					.map(([name, each]) => ({ name, in: each.location, required: each.required === true,
						schema: each.repeated ? { type: 'array', items: each } : each })),
				body: method.request === undefined ? null : required(doc.schemas[method.request.$ref]),
				send: method.request === undefined ? null : 'json',
				answer: method.response ?? null,
				scopes: method.scopes === undefined ? null : method.scopes.map((scope) => [scope]),
			});
		}
		Object.values(at.resources ?? {}).forEach(walk);
	};
	walk(doc);
	return { find: (ref) => doc.schemas[ref], operation: (name) => operations.get(name), version: doc.revision };
}

/* The endpoints of Notion's own client: names and places, no types. */
function endpoints(text, { module }) {
	const operation = (name) => {
		const endpoint = module[name];
		if (endpoint === undefined)
			return undefined;
		const places = Object.fromEntries(endpoint.pathParams.map((each) => [each, `{${each}}`]));
		const any = (place) => (each) => ({ name: each, in: place, required: place === 'path', schema: {} });
		return {
			method: endpoint.method.toUpperCase(), path: `https://api.notion.com/v1/${endpoint.path(places)}`,
			parameters: [...endpoint.pathParams.map(any('path')), ...endpoint.queryParams.map(any('query'))],
			body: endpoint.bodyParams.length === 0 ? null : { type: 'object', additionalProperties: false,
				properties: Object.fromEntries(endpoint.bodyParams.map((each) => [each, {}])) },
			send: endpoint.bodyParams.length === 0 ? null : 'json', answer: null, scopes: null,
		};
	};
	return { find: () => undefined, operation };
}

/* The tables of python-gitlab, a client library: a path per class, the names that each verb takes. No types. */
function managers(text) {
	const classes = new Map([...text.matchAll(/^class (\w+Manager)\(([^:]*?)\):\n([\s\S]*?)(?=^class |(?![\s\S]))/gm)]
		.map(([, name, parents, body]) => [name, { parents, body }]));
	const words = (part) => [...(part ?? '').matchAll(/"([\w[\]]+)"/g)].map(([, word]) => word);
	const table = (body, name) => new RegExp(`^    ${name}\\b[^=]*= (?:\\(([^)]*)\\)|RequiredOptional\\(([\\s\\S]*?)\\)\\n(?=    \\S|\\n))`, 'm').exec(body);
	const attributes = (body, name) => {
		const all = table(body, name)?.[2];
		const must = words(/required=\(([^)]*)\)/.exec(all)?.[1]);
		return { type: 'object', additionalProperties: false, required: must, properties: Object.fromEntries(words(all).map((word) => [word, {}])) };
	};
	const query = (names) => names.map((name) => ({ name, in: 'query', required: false, schema: {} }));
	const verbs = {
		list: ({ body }, path) => ({ method: 'GET', path, parameters: query([...words(table(body, '_list_filters')?.[1]), 'page', 'per_page']) }),
		get: ({ body, parents }, path) => ({ method: 'GET', path: parents.includes('WithoutId') ? path : `${path}/{id}`,
			parameters: query(words(table(body, '_optional_get_attrs')?.[1])) }),
		create: ({ body }, path) => ({ method: 'POST', path, body: attributes(body, '_create_attrs') }),
		update: ({ body }, path) => ({ method: 'PUT', path: `${path}/{id}`, body: attributes(body, '_update_attrs') }),
		delete: (_, path) => ({ method: 'DELETE', path: `${path}/{id}` }),
	};
	const operation = (name) => {
		const [manager, verb] = name.split('.');
		const found = classes.get(manager);
		const path = /^    _path = "([^"]*)"/m.exec(found?.body)?.[1];
		if (path === undefined || verbs[verb] === undefined)
			return undefined;
		return { parameters: [], body: null, answer: null, scopes: null, send: null, ...verbs[verb](found, `https://{host}/api/v4${path}`) };
	};
	return { find: () => undefined, operation };
}

const STONE = { String: 'string', Boolean: 'boolean', UInt64: 'integer', UInt32: 'integer', Int32: 'integer', Int64: 'integer',
	List: 'array', Float64: 'number', Timestamp: 'string', Bytes: 'string' };

/* Dropbox's Stone: routes, and the fields of structs with what they extend. */
function stone(text) {
	const types = new Map();
	const routes = new Map();
	let at = null;

	const head = (line) => /^(struct|union|union_closed|route|alias|import|namespace|annotation|patch)\b\s*([\w/:]*)(.*)$/.exec(line);
	for (const line of text.split('\n')) {
		const top = head(line);
		if (top !== null) {
			const [, word, name, rest] = top;
			at = word === 'struct' ? { word, parent: /extends (\S+)/.exec(rest)?.[1], fields: {}, required: [] } : word.startsWith('union') ? { word, fields: null } : null;
			if (at !== null)
				types.set(name, at);
			const route = word === 'route' ? /\(([\w.]+), ([\w.]+)/.exec(rest) : null;
			if (route !== null)
				routes.set(name, { argument: route[1], answer: route[2] });
		} else if (at?.fields) {
			const field = /^ {4}(\w+) ([A-Za-z_.][\w.]*)(\(.*\))?(\?)?( = .*)?$/.exec(line);
			if (field === null || field[1] === 'example')
				continue;
			const [, name, type, , optional, otherwise] = field;
			const item = type === 'List' ? /List\(([\w.]+)/.exec(line)?.[1] : null;
			at.fields[name] = STONE[type] === undefined ? { $ref: type } : { type: STONE[type], ...(item === null ? {} : { items: STONE[item] === undefined ? { $ref: item } : { type: STONE[item] } }) };
			if (optional === undefined && otherwise === undefined)
				at.required.push(name);
		}
	}
	const find = (name) => {
		const type = types.get(name);
		if (type === undefined || type.word !== 'struct')
			return {};
		const parent = type.parent === undefined ? {} : find(type.parent);
		const children = [...types.values()].filter((each) => each.parent === name);
		return { type: 'object', additionalProperties: false,
			properties: { ...parent.properties, ...Object.assign({}, ...children.map((each) => each.fields)), ...type.fields },
			required: [...(parent.required ?? []), ...type.required] };
	};
	const namespace = /^namespace (\w+)/m.exec(text)[1];
	const schema = (name) => (name === 'Void' ? null : { $ref: name });
	const operation = (name) => {
		const route = routes.get(name);
		return route === undefined ? undefined : { method: 'POST', path: `https://api.dropboxapi.com/2/${namespace}/${name.replace(':', '_v')}`,
			parameters: [], body: schema(route.argument), send: 'json', answer: schema(route.answer), scopes: null };
	};
	return { find, operation };
}

const readers = { openapi, discovery, endpoints, managers, stone, graphql: () => ({}) };

/* @document: its entry in documents.json, where `server` stands for what the description has as a placeholder,
 * `aliases` are other addresses of the same things, and `partial` operations whose members are all optional by the
 * description's text though its schema requires them;
 * @module: what a description that is a program exports. */
export const read = (document, text, module) => readers[document.form](text, { ...document, module });
