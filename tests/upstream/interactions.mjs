// SPDX-License-Identifier: MIT
// The Interactions API: its own schema (snake_case), its own events, its own error bodies.
// Small: text in, text out, stored and found again by id, streamed as steps.

import { fault } from './errors.mjs';
import { admitted } from './generate.mjs';
import { beginStream, send, sendFailure, sendJson } from './reply.mjs';
import { pause, sinkFor } from './sink.mjs';
import { randomId } from './files.mjs';
import { refuseEarly, refuseLate } from './faults.mjs';
import { route } from './router.mjs';
import { textTokens } from './tokens.mjs';
import { withoutMarkers } from './directives.mjs';

const MEMBERS = new Set([
  'model',
  'agent',
  'agent_config',
  'input',
  'stream',
  'store',
  'background',
  'generation_config',
  'previous_interaction_id',
  'response_format',
  'response_mime_type',
  'response_modalities',
  'service_tier',
  'system_instruction',
  'tools',
  'safety_settings',
  'labels',
  'environment',
  'webhook_config',
]);

function refuse(call, status, code, message) {
  send(call, status, 'application/json; charset=UTF-8', JSON.stringify({ error: { code, message } }) + '\n');
}

function textOf(input) {
  if (typeof input === 'string') return input;
  if (Array.isArray(input)) return input.map(textOf).filter(Boolean).join('\n');
  return input && typeof input === 'object' ? input.text || textOf(input.content) : '';
}

function problem(given, call) {
  const unknown = Object.keys(given).find((name) => !MEMBERS.has(name));
  if (unknown) return `Unknown parameter '${unknown}'.`;
  if (Boolean(given.model) === Boolean(given.agent))
    return "Exactly one of 'model' and 'agent' must be given.";
  if (given.input === undefined) return "Missing required parameter 'input'.";
  return given.previous_interaction_id && !owned(call, given.previous_interaction_id)
    ? 'Previous interaction not found.'
    : null;
}

const owned = (call, id) => {
  const found = call.sim.interactions.get(id);
  return found && found.project === call.project ? found : null;
};

async function create(call) {
  call.generates = true;
  let given;
  try {
    given = JSON.parse(call.raw.toString());
  } catch (error) {
    refuse(call, 400, 'invalid_request', 'Malformed JSON: ' + error.message);
    return;
  }
  const wrong = problem(given, call);
  if (wrong) {
    refuse(call, 400, 'invalid_request', wrong);
    return;
  }
  call.model = String(given.model || given.agent).replace(/^models\//, '');
  if (given.model && !call.sim.models.byId.has(call.model)) {
    refuse(call, 404, 'not_found', `Model ${call.model} was not found.`);
    return;
  }
  const text = textOf(given.input);
  call.words = call.sim.markers.words(text, call) || call.words;
  if (call.words && refuseEarly(call)) return;
  if (!admitted(call, textTokens(text)) || (call.words && (await refuseLate(call)))) return;
  const interaction = made(given, call, withoutMarkers(text) || 'Hello.');
  if (given.store !== false)
    call.sim.interactions.set(interaction.id, { project: call.project, interaction });
  await (given.stream ? stream(call, interaction) : sendJson(call, interaction));
}

function made(given, call, text) {
  const time = new Date().toISOString().replace(/\.\d+/, '');
  const input = textTokens(text);
  return {
    id: 'v1_' + randomId(40),
    object: 'interaction',
    model: given.model,
    agent: given.agent,
    status: 'completed',
    created: time,
    updated: time,
    previous_interaction_id: given.previous_interaction_id,
    steps: [{ type: 'model_output', content: [{ type: 'text', text }] }],
    usage: {
      total_input_tokens: input,
      total_output_tokens: input,
      total_thought_tokens: 0,
      total_tokens: 2 * input,
    },
  };
}

/** Events: created, step.start, step.delta for each word, step.stop, completed, [DONE]. */
async function stream(call, interaction) {
  call.sse = call.stream = true;
  const words = call.words || {};
  const sink = sinkFor(call, beginStream(call));
  const say = async (event) => {
    if (call.gone) return;
    await sink.write(`event: ${event.event_type}\ndata: ${JSON.stringify(event)}\n\n`);
    call.events++;
    await pause(call, Number(words.delay ?? call.config.chunk_delay_ms));
  };
  const { steps, ...head } = interaction;
  await say({
    event_type: 'interaction.created',
    interaction: { ...head, status: 'in_progress', usage: undefined },
  });
  await say({ event_type: 'step.start', index: 0, step: { type: 'model_output', content: [] } });
  for (const text of steps[0].content[0].text.match(/\s*\S+/g) || [])
    await say({ event_type: 'step.delta', index: 0, delta: { type: 'text', text } });
  if (words['error-mid']) {
    await say({ event_type: 'error', error: { code: 'internal_error', message: 'Something broke.' } });
  } else {
    await say({ event_type: 'step.stop', index: 0 });
    await say({ event_type: 'interaction.completed', interaction });
  }
  await sink.write('event: done\ndata: [DONE]\n\n');
  call.whole = true;
  sink.end();
}

function get(call) {
  const found = owned(call, call.id);
  if (!found) refuse(call, 404, 'not_found', 'Interaction not found.');
  else sendJson(call, found.interaction);
}

function remove(call) {
  if (!owned(call, call.id)) {
    refuse(call, 404, 'not_found', 'Interaction not found.');
    return;
  }
  call.sim.interactions.delete(call.id);
  sendJson(call, {});
}

route('POST', 'interactions', create, { verb: 'createInteraction' });
route('GET', 'interactions/{id}', get);
route('DELETE', 'interactions/{id}', remove);
route('POST', 'interactions/{id}/cancel', (call) =>
  owned(call, call.id)
    ? sendFailure(call, fault(400, 'Interaction is not running.'))
    : refuse(call, 404, 'not_found', 'Interaction not found.'),
);
