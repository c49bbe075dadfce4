// SPDX-License-Identifier: Apache-2.0
// What the official conformance suite expects of a server made for it (its fixtures), on either official SDK: put into a
// Peer, so that the suite can be run through a vault's mount.
import { ElicitResultSchema, CreateMessageResultSchema, SetLevelRequestSchema, SubscribeRequestSchema, UnsubscribeRequestSchema, CompleteRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { ResourceTemplate as TemplateOne } from '@modelcontextprotocol/sdk/server/mcp.js';
import { ResourceTemplate as TemplateTwo, createRequestStateCodec, fromJsonSchema, inputRequired } from '@modelcontextprotocol/server';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';

const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const wav = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEARKwAAIhYAQACABAAZGF0YQAAAAA=';
const text = (words) => ({ type: 'text', text: words });
const image = { type: 'image', data: png, mimeType: 'image/png' };
const embedded = (uri, mimeType, words) => ({ type: 'resource', resource: { uri, mimeType, text: words } });
const content = (...blocks) => ({ content: blocks });
const said = (words) => content(text(words));

const plain = {
  test_simple_text: () => said('This is a simple text response for testing.'),
  test_image_content: () => content(image),
  test_audio_content: () => content({ type: 'audio', data: wav, mimeType: 'audio/wav' }),
  test_embedded_resource: () => content(embedded('test://embedded-resource', 'text/plain', 'This is an embedded resource content.')),
  test_multiple_content_types: () => content(text('Multiple content types test:'), image,
    embedded('test://mixed-content-resource', 'application/json', '{"test":"data","value":123}')),
  test_error_handling: () => ({ isError: true, ...said('This tool intentionally returns an error for testing') }),
};

const pick = (values, titles) => values.map((value, i) => ({ const: value, title: titles[i] }));
const forms = {
  test_elicitation_sep1034_defaults: {
    name: { type: 'string', default: 'John Doe' },
    age: { type: 'integer', default: 30 },
    score: { type: 'number', default: 95.5 },
    status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
    verified: { type: 'boolean', default: true },
  },
  test_elicitation_sep1330_enums: {
    untitledSingle: { type: 'string', enum: ['option1', 'option2', 'option3'] },
    titledSingle: { type: 'string', oneOf: pick(['value1', 'value2', 'value3'], ['First Option', 'Second Option', 'Third Option']) },
    legacyEnum: { type: 'string', enum: ['opt1', 'opt2', 'opt3'], enumNames: ['Option One', 'Option Two', 'Option Three'] },
    untitledMulti: { type: 'array', items: { type: 'string', enum: ['option1', 'option2', 'option3'] } },
    titledMulti: { type: 'array', items: { anyOf: pick(['value1', 'value2', 'value3'], ['First Choice', 'Second Choice', 'Third Choice']) } },
  },
};

const rich = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  $defs: {
    address: { $anchor: 'addressDef', type: 'object', properties: { street: { type: 'string' }, city: { type: 'string' } } },
  },
  properties: {
    name: { type: 'string' }, address: { $ref: '#/$defs/address' },
    contactMethod: { type: 'string', enum: ['phone', 'email'] }, phone: { type: 'string' }, email: { type: 'string' },
  },
  allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
  if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
  then: { required: ['phone'] },
  else: { required: ['email'] },
  additionalProperties: false,
};

/** What of a conversation both SDKs have, by their own names. */
const talk = {
  one: (extra) => ({
    token: extra._meta?.progressToken,
    notify: (method, params) => extra.sendNotification({ method, params }),
    elicit: (params) => extra.sendRequest({ method: 'elicitation/create', params }, ElicitResultSchema),
    sample: (params) => extra.sendRequest({ method: 'sampling/createMessage', params }, CreateMessageResultSchema),
  }),
  two: (ctx) => ({
    token: ctx.mcpReq._meta?.progressToken,
    notify: (method, params) => ctx.mcpReq.notify({ method, params }),
    log: (words) => ctx.mcpReq.log('info', words),
    declared: ctx.mcpReq.envelope?.['io.modelcontextprotocol/clientCapabilities'] ?? {},
    responses: ctx.mcpReq.inputResponses ?? {},
    state: ctx.mcpReq.requestState(),
  }),
};

const codec = createRequestStateCodec({ key: randomBytes(32) });
const ask = (message, name, type = 'string') => inputRequired.elicit({
  mode: 'form', message, requestedSchema: { type: 'object', properties: { [name]: { type } }, required: [name] },
});
const sample = (words) => inputRequired.createMessage({ messages: [{ role: 'user', content: text(words) }], maxTokens: 100 });
const answered = ({ responses }, ...names) => names.every((name) => responses[name] !== undefined && responses[name].action !== 'decline');

/** Questions of 2026-07-28: each tool answers when it has been answered. */
const rounds = {
  test_input_required_result_elicitation: (c) => (answered(c, 'user_name') && c.responses.user_name.content?.name
    ? said(`Hello, ${c.responses.user_name.content.name}!`) : inputRequired({ inputRequests: { user_name: ask('What is your name?', 'name') } })),
  test_input_required_result_sampling: (c) => (answered(c, 'capital_question')
    ? said(JSON.stringify(c.responses.capital_question.content)) : inputRequired({ inputRequests: { capital_question: sample('What is the capital of France?') } })),
  test_input_required_result_list_roots: (c) => (answered(c, 'client_roots')
    ? said(JSON.stringify(c.responses.client_roots.roots)) : inputRequired({ inputRequests: { client_roots: inputRequired.listRoots() } })),
  test_input_required_result_request_state: async (c) => (c.state && answered(c, 'confirm')
    ? said('state-ok') : inputRequired({ inputRequests: { confirm: ask('Please confirm', 'ok', 'boolean') }, requestState: await codec.mint({ step: 'confirm' }) })),
  test_input_required_result_multiple_inputs: async (c) => (answered(c, 'user_name', 'greeting', 'client_roots')
    ? said('all there') : inputRequired({
      inputRequests: { user_name: ask('What is your name?', 'name'), greeting: sample('Generate a greeting'), client_roots: inputRequired.listRoots() },
      requestState: await codec.mint({ step: 'all' }),
    })),
  test_input_required_result_multi_round: async (c) => {
    if (c.state?.step === 2 && answered(c, 'step2')) return said(`${c.state.name} likes ${c.responses.step2.content?.color}`);
    if (c.state?.step === 1 && answered(c, 'step1')) {
      return inputRequired({
        inputRequests: { step2: ask('Step 2: What is your favorite color?', 'color') },
        requestState: await codec.mint({ step: 2, name: c.responses.step1.content?.name }),
      });
    }
    return inputRequired({ inputRequests: { step1: ask('Step 1: What is your name?', 'name') }, requestState: await codec.mint({ step: 1 }) });
  },
  test_input_required_result_tampered_state: async (c) => (c.state && answered(c, 'confirm')
    ? said('state-ok') : inputRequired({ inputRequests: { confirm: ask('Please confirm', 'ok', 'boolean') }, requestState: await codec.mint({ step: 'tamper' }) })),
  test_input_required_result_capabilities: (c) => {
    const requests = {
      ...(c.declared.elicitation ? { user_name: ask('What is your name?', 'name') } : {}),
      ...(c.declared.sampling ? { greeting: sample('Generate a greeting') } : {}),
    };
    return Object.keys(requests).length === 0 || answered(c, ...Object.keys(requests)) ? said('done') : inputRequired({ inputRequests: requests });
  },
};

function addLegacy(add) {
  add('test_tool_with_logging', {}, async (args, { notify }) => {
    for (const data of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
      await notify('notifications/message', { level: 'info', data });
      await sleep(50);
    }
    return said('logged');
  });
  add('test_sampling', { prompt: z.string() }, async ({ prompt }, { sample: go }) => {
    const { content: answer } = await go({ messages: [{ role: 'user', content: text(prompt) }], maxTokens: 100 });
    return said(`LLM response: ${answer.text}`);
  });
  const elicit = (message, properties, required) => async (args, { elicit: go }) => {
    const answer = await go({ message: args.message ?? message, requestedSchema: { type: 'object', properties, required } });
    return said(`User response: ${JSON.stringify(answer)}`);
  };
  add('test_elicitation', { message: z.string() }, elicit('', { username: { type: 'string' }, email: { type: 'string' } }, ['username', 'email']));
  for (const [name, properties] of Object.entries(forms)) add(name, {}, elicit('Please fill in the form', properties, []));
}

function addModern(server, add, kit) {
  for (const [name, round] of Object.entries(rounds)) add(name, {}, (args, c) => round(c));
  // The SDK refuses what the client has not declared.
  add('test_missing_capability', {}, (args, c) => (answered(c, 'needed') ? said('sampling is there') : inputRequired({ inputRequests: { needed: sample('Anything') } })));
  add('test_streaming_elicitation', {}, () => said('nothing was asked'));
  add('test_logging_tool', {}, async (args, { log }) => { await log('only who asks hears this'); return said('done'); });
  add('test_trigger_tool_change', {}, () => { kit.notify.toolsChanged(); return said('done'); });
  add('test_trigger_prompt_change', {}, () => { kit.notify.promptsChanged(); return said('done'); });
  server.registerTool('json_schema_2020_12_tool', { description: 'Rich schema', inputSchema: fromJsonSchema(rich) }, (args) => said(JSON.stringify(args)));
  server.registerTool('test_x_mcp_header', {
    description: 'A mirrored argument',
    inputSchema: fromJsonSchema({ type: 'object', properties: { region: { type: 'string', 'x-mcp-header': 'Region' }, query: { type: 'string' } }, required: ['region'] }),
  }, ({ region }) => said(`region ${region}`));
  server.registerPrompt('test_input_required_result_prompt', { description: 'Asks first' }, (ctx) => {
    const context = talk.two(ctx).responses.user_context;
    return context ? { messages: [{ role: 'user', content: text(`Context: ${JSON.stringify(context.content)}`) }] }
      : inputRequired({ inputRequests: { user_context: ask('What is the context?', 'context') } });
  });
}

function addResources(server, Template) {
  const add = (name, uri, mimeType, more) => server.registerResource(name, uri, { title: name, description: name, mimeType },
    () => ({ contents: [{ uri, mimeType, ...more }] }));
  add('static-text', 'test://static-text', 'text/plain', { text: 'This is the content of the static text resource.' });
  add('static-binary', 'test://static-binary', 'image/png', { blob: png });
  add('watched-resource', 'test://watched-resource', 'text/plain', { text: 'Watched resource content' });
  server.registerResource('template', new Template('test://template/{id}/data', { list: undefined }), { title: 'template', description: 'template', mimeType: 'application/json' },
    (uri, { id }) => ({ contents: [{ uri: uri.href, mimeType: 'application/json', text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }) }] }));
}

function addPrompts(server, schema) {
  const user = (...blocks) => ({ messages: blocks.map((block) => ({ role: 'user', content: block })) });
  server.registerPrompt('test_simple_prompt', { description: 'Simple' }, () => user(text('This is a simple prompt for testing.')));
  server.registerPrompt('test_prompt_with_arguments', { description: 'Arguments', argsSchema: schema({ arg1: z.string(), arg2: z.string() }) },
    ({ arg1, arg2 }) => user(text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)));
  server.registerPrompt('test_prompt_with_embedded_resource', { description: 'A resource', argsSchema: schema({ resourceUri: z.string() }) },
    ({ resourceUri }) => user(embedded(resourceUri, 'text/plain', 'Embedded resource content for testing.'), text('Please process the embedded resource above.')));
  server.registerPrompt('test_prompt_with_image', { description: 'An image' }, () => user(image, text('Please analyze the image above.')));
}

const capabilities = {
  tools: { listChanged: true }, resources: { subscribe: true, listChanged: true }, prompts: { listChanged: true }, logging: {}, completions: {},
};
export const serverOptions = { one: { capabilities }, two: { capabilities, requestState: { verify: codec.verify } } };

/** Fills @p server. @p kit: what a test may change, and the notifier of SDK 2.x. */
export function everything(sdk, kit = {}) {
  return (server, schema) => {
    const add = (name, shape, fn) => server.registerTool(name, { description: name, inputSchema: schema(shape) }, (args, ctx) => fn(args, talk[sdk](ctx)));
    for (const [name, answer] of Object.entries(plain)) add(name, {}, answer);
    add('test_tool_with_progress', {}, async (args, { token, notify }) => {
      for (const progress of token === undefined ? [] : [0, 50, 100]) {
        await notify('notifications/progress', { progressToken: token, progress, total: 100 });
        await sleep(50);
      }
      return said('progressed');
    });
    if (sdk === 'one') addLegacy(add);
    else addModern(server, add, kit);
    addResources(server, sdk === 'one' ? TemplateOne : TemplateTwo);
    addPrompts(server, schema);
    const handle = (named, known, answer) => server.server.setRequestHandler(sdk === 'one' ? known : named, answer);
    handle('completion/complete', CompleteRequestSchema, () => ({ completion: { values: ['test'], total: 1, hasMore: false } }));
    handle('logging/setLevel', SetLevelRequestSchema, () => ({}));
    handle('resources/subscribe', SubscribeRequestSchema, () => ({}));
    handle('resources/unsubscribe', UnsubscribeRequestSchema, () => ({}));
    return server;
  };
}
