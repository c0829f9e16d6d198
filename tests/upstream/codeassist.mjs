// SPDX-License-Identifier: MIT
// Code Assist (cloudcode-pa): setup of accounts, and generate, stream and count in its envelope.
// What is inside the envelope is answered as the Gemini API would, with Vertex' strictness.

import { randomBytes } from 'node:crypto';
import { Failure, badRequest, fault, invalid, unauthenticated } from './errors.mjs';
import { generate, parseBody } from './generate.mjs';
import { requestTokens } from './tokens.mjs';
import { sendJson } from './reply.mjs';

const ENVELOPE = ['model', 'project', 'user_prompt_id', 'userPromptId', 'request', 'enabled_credit_types', 'enabledCreditTypes'];
const REQUEST = ['contents', 'systemInstruction', 'system_instruction', 'cachedContent', 'cached_content', 'tools', 'toolConfig',
  'tool_config', 'labels', 'safetySettings', 'safety_settings', 'generationConfig', 'generation_config', 'session_id', 'sessionId'];

const info = (reason, metadata) => ({ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason, domain: 'cloudcode-pa.googleapis.com', metadata });
const throwFault = (...given) => {
  throw new Failure(fault(...given));
};

function known(object, names, path) {
  for (const name of Object.keys(object || {}))
    if (!names.includes(name))
      throw new Failure(badRequest([{ field: path, description: `Invalid JSON payload received. Unknown name "${name}"${path ? ` at '${path}'` : ''}: Cannot find field.` }]));
}

/* ---- what an account is answered by its state ---- */

const STATES = {
  tos: () => throwFault(403, 'This service has been disabled in this account for violation of Terms of Service. Please submit an appeal to continue using this product.', {
    details: [info('TOS_VIOLATION', { uiMessage: 'true', appeal_url: 'https://forms.gle/appeal', appeal_url_link_text: 'Submit Appeal' })] }),
  validation: () => throwFault(403, 'Verify your account to continue.', {
    details: [info('VALIDATION_REQUIRED', { validation_link: 'https://accounts.google.com/verify?plt=1' }), {
      '@type': 'type.googleapis.com/google.rpc.Help',
      links: [{ description: 'Learn more', url: 'https://support.google.com/accounts' }, { description: 'Verify', url: 'https://accounts.google.com/verify?plt=1' }] }] }),
  no_permission: () => throwFault(403, 'The caller does not have permission'),
};

const INELIGIBLE = {
  unsupported: { reasonCode: 'UNSUPPORTED_CLIENT', reasonMessage: 'This client is no longer supported for Gemini Code Assist for individuals.', tierId: 'free-tier', tierName: 'Free' },
  setup_validation: { reasonCode: 'VALIDATION_REQUIRED', reasonMessage: 'Verify your account to continue.', tierId: 'free-tier', validationUrl: 'https://accounts.google.com/verify?setup=1' },
};

function loadCodeAssist(call, body, account) {
  known(body, ['cloudaicompanionProject', 'metadata', 'mode'], '');
  const ca = account.code_assist;
  if (INELIGIBLE[ca.state]) return sendJson(call, { allowedTiers: [], ineligibleTiers: [INELIGIBLE[ca.state]] });
  if (STATES[ca.state] && ca.state !== 'no_permission') return STATES[ca.state]();
  const tier = { id: ca.tier || 'standard-tier', name: 'Gemini Code Assist', userDefinedCloudaicompanionProject: true };
  if (ca.onboarded === false)
    return sendJson(call, { allowedTiers: [{ ...tier, isDefault: true }], ineligibleTiers: [] });
  return sendJson(call, { currentTier: tier, allowedTiers: [tier], ...(ca.project ? { cloudaicompanionProject: ca.project } : {}) });
}

function operation(call, account) {
  const ca = account.code_assist;
  const name = ca.operation;
  if (ca.polls-- > 0) return sendJson(call, { name, done: false });
  ca.onboarded = true;
  return sendJson(call, { name, done: true, response: { '@type': 'type.googleapis.com/google.internal.cloud.code.v1internal.OnboardUserResponse',
    cloudaicompanionProject: { id: ca.project, name: ca.project } } });
}

function onboardUser(call, body, account) {
  known(body, ['tierId', 'cloudaicompanionProject', 'metadata'], '');
  const ca = account.code_assist;
  if (body.tierId === 'free-tier' && body.cloudaicompanionProject) throwFault(412, 'Precondition Failed', { name: 'FAILED_PRECONDITION' });
  if (body.tierId !== 'free-tier' && !body.cloudaicompanionProject && !ca.project) throw new Failure(invalid('Project is required for this tier.'));
  if (body.cloudaicompanionProject) ca.project = body.cloudaicompanionProject;
  ca.operation = 'operations/onboard.' + randomBytes(6).toString('hex');
  ca.polls = ca.onboard_polls ?? 1;
  return operation(call, account);
}

function retrieveUserQuota(call, body, account) {
  known(body, ['project', 'userAgent'], '');
  const names = account.code_assist.models || ['gemini-2.5-flash', 'gemini-2.5-pro'];
  return sendJson(call, { buckets: names.flatMap((id) => [id, id + '_vertex']).map((modelId) => (
    { modelId, tokenType: 'REQUESTS', remainingFraction: 0.97, resetTime: '2030-01-01T08:00:00Z' })) });
}

/* ---- generate, stream, count ---- */

function checkContents(contents) {
  for (const content of contents || []) {
    if (!['user', 'model', 'function'].includes(content.role)) throw new Failure(invalid('Please use a valid role: user, model.'));
    if (!Array.isArray(content.parts) || content.parts.length === 0) throw new Failure(invalid('Request contains an invalid argument.'));
    for (const part of content.parts)
      if (Object.keys(part).length === 0 || /generativelanguage/.test(part.fileData?.fileUri || '')) throw new Failure(invalid('Request contains an invalid argument.'));
  }
}

function checkProject(call, project, account) {
  const ca = account.code_assist;
  if (!project) throwFault(403, 'The caller does not have permission');
  if (project !== ca.project)
    throwFault(403, `Permission denied on resource project ${project}.`, { details: [info('CONSUMER_INVALID', { service: 'cloudaicompanion.googleapis.com', consumer: `projects/${project}` })] });
  if (!call.config.projects.has(project)) call.config.mergeProject({ id: project });
  call.project = call.config.projects.get(project);
}

function unwrap(call, body, account) {
  known(body, ENVELOPE, '');
  known(body.request, REQUEST, 'request');
  if (STATES[account.code_assist.state]) STATES[account.code_assist.state]();
  checkProject(call, body.project, account);
  if (!body.request || !body.model || /\//.test(body.model)) throwFault(404, 'Requested entity was not found.');
  if (account.code_assist.models && !account.code_assist.models.includes(body.model)) throwFault(404, 'Requested entity was not found.');
  checkContents(body.request.contents);
  const { labels, session_id: a, sessionId: b, ...plain } = body.request;
  call.model = body.model;
  call.version = 'v1beta';
  call.arrived = call.raw;
  call.raw = Buffer.from(JSON.stringify(plain));
  const { responseId: shown } = account.code_assist; /* false: only the envelope has an id */
  call.wrap = (response) => ({
    response: shown === false ? { ...response, responseId: undefined } : response,
    traceId: 'trace-' + randomBytes(8).toString('hex'),
  });
}

function generateContent(call, body, account, behaviours) {
  unwrap(call, body, account);
  behaviours(call);
  return generate(call);
}

function countTokens(call, body) {
  known(body, ['request'], '');
  known(body.request, ['model', 'contents'], 'request');
  if (!/^models\//.test(body.request?.model || '')) throwFault(404, 'Requested entity was not found.');
  checkContents(body.request.contents);
  const { total } = requestTokens({ contents: body.request.contents }, () => 0);
  return sendJson(call, total > 0 ? { totalTokens: total } : {});
}

const METHODS = { loadCodeAssist, onboardUser, retrieveUserQuota, generateContent, streamGenerateContent: generateContent, countTokens };

/** Answers a call below /v1internal. */
export function codeAssist(call, behaviours) {
  const { oauth } = call.sim;
  const { headers, method } = call.req;
  if (/gemini-?cli|google-api-nodejs|vscode/i.test(headers['user-agent'] || '') || headers['x-goog-api-client']) oauth.seen.imitations++;
  const account = headers['x-goog-api-key'] ? null : oauth.owner((headers.authorization || '').replace(/^Bearer\s+/i, ''));
  if (!account || !account.code_assist) throw new Failure(unauthenticated(account ? undefined : 'ACCESS_TOKEN_EXPIRED'));
  call.key = account.email;
  const rest = call.path.slice('/v1internal'.length);
  if (method === 'GET' && rest === '/' + account.code_assist.operation) return operation(call, account);
  const verb = rest.slice(1);
  if (rest[0] !== ':' || method !== 'POST' || !Object.hasOwn(METHODS, verb)) throwFault(404, 'Requested entity was not found.');
  call.verb = /enerateContent$/.test(verb) ? verb : undefined;
  call.stream = verb === 'streamGenerateContent';
  call.sse = call.stream && call.query.alt === 'sse';
  return METHODS[verb](call, parseBody(call), account, behaviours);
}
