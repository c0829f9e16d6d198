// SPDX-License-Identifier: MIT
// Every error body of the API, by name. A failure is {status, error} for JSON, or
// {status, html} for what the front end says without JSON. Nothing here decides when an
// error happens; see keys.mjs, quota.mjs, rules.mjs and faults.mjs for that.

const GOOGLE = 'type.googleapis.com/google.rpc.';
const SERVICE = 'generativelanguage.googleapis.com';

const NAMES = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  402: 'RESOURCE_EXHAUSTED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  409: 'ALREADY_EXISTS',
  413: 'INVALID_ARGUMENT',
  429: 'RESOURCE_EXHAUSTED',
  499: 'CANCELLED',
  500: 'INTERNAL',
  501: 'UNIMPLEMENTED',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
};

/** A failure that handlers throw; the router answers with it. */
export class Failure extends Error {
  constructor(reply) {
    super(reply.error ? reply.error.message : 'html ' + reply.status);
    this.reply = reply;
  }
}

export function fault(status, message, { details, name } = {}) {
  const error = { code: status, message, status: name || NAMES[status] || 'UNKNOWN' };
  if (details) error.details = details;
  return { status, error };
}

const detail = (type, fields) => ({ '@type': GOOGLE + type, ...fields });
const info = (reason, metadata) => detail('ErrorInfo', { reason, domain: 'googleapis.com', metadata });
const localized = (message) => detail('LocalizedMessage', { locale: 'en-US', message });
const help = (description, url) => detail('Help', { links: [{ description, url }] });

export const invalid = (message) => fault(400, message);

/** 400 with one fieldViolation per violation; violations are {field, description}. */
export function badRequest(violations) {
  const fieldViolations = violations.map(({ field, description }) =>
    field ? { field, description } : { description },
  );
  return fault(400, violations.map((v) => v.description).join('\n'), {
    details: [detail('BadRequest', { fieldViolations })],
  });
}

function keyInvalid(message) {
  return fault(400, message, {
    details: [info('API_KEY_INVALID', { service: SERVICE }), localized(message)],
  });
}

function suspended(key, number) {
  const message = `Permission denied: Consumer 'api_key:${key}' has been suspended.`;
  const metadata = { consumer: 'projects/' + number, service: SERVICE, containerInfo: 'api_key:' + key };
  return fault(403, message, { details: [info('CONSUMER_SUSPENDED', metadata), localized(message)] });
}

function serviceDisabled(key, number) {
  const url =
    'https://console.developers.google.com/apis/api/generativelanguage.googleapis.com/overview'
    + '?project='
    + number;
  const message =
    `Generative Language API has not been used in project ${number} before or it is disabled. `
    + `Enable it by visiting ${url} then retry. If you enabled this API recently, wait a few minutes for `
    + 'the action to propagate to our systems and retry.';
  return fault(403, message, {
    details: [
      help('Google developers console API activation', url),
      info('SERVICE_DISABLED', { service: SERVICE, consumer: 'projects/' + number }),
    ],
  });
}

function blockedKey(reason, message, key, number) {
  const metadata = { consumer: 'projects/' + number, service: SERVICE };
  return fault(403, message, { details: [info(reason, metadata), localized(message)] });
}

const METHOD = 'google.ai.generativelanguage.v1beta.GenerativeService.GenerateContent';

/** What a key in a given state is answered with; called with (key, project number). */
export const KEY_FAULTS = {
  invalid: () => keyInvalid('API key not valid. Please pass a valid API key.'),
  expired: () => keyInvalid('API key expired. Please renew the API key.'),
  suspended,
  leaked: () => fault(403, 'Your API key was reported as leaked. Please use another API key.'),
  denied: () => fault(403, 'Your project has been denied access. Please contact support.'),
  disabled: serviceDisabled,
  blocked: (key, number) =>
    blockedKey(
      'API_KEY_SERVICE_BLOCKED',
      `Requests to this API ${SERVICE} method ${METHOD} are blocked.`,
      key,
      number,
    ),
  referrer: (key, number) =>
    blockedKey('API_KEY_HTTP_REFERRER_BLOCKED', 'Requests from referer <empty> are blocked.', key, number),
  address: (key, number) =>
    blockedKey(
      'API_KEY_IP_ADDRESS_BLOCKED',
      'The provided API key has an IP address restriction. The originating IP address of the call '
        + '(127.0.0.1) violates this restriction.',
      key,
      number,
    ),
  forbidden: () => fault(403, 'The caller does not have permission'),
};

export const unregistered = () =>
  fault(
    403,
    "Method doesn't allow unregistered callers (callers without "
      + 'established identity). Please use API Key or other form of API consumer identity to call this API.',
  );

export function unauthenticated(reason = 'ACCESS_TOKEN_TYPE_UNSUPPORTED') {
  return fault(
    401,
    'Request had invalid authentication credentials. Expected OAuth 2 access token, login '
      + 'cookie or other valid authentication credential. See '
      + 'https://developers.google.com/identity/sign-in/web/devconsole-project.',
    { details: [info(reason, { service: SERVICE, method: METHOD })] },
  );
}

export const location = () =>
  fault(400, 'User location is not supported for the API use.', { name: 'FAILED_PRECONDITION' });

export function noModel(model, version, verb) {
  return fault(
    404,
    `models/${model} is not found for API version ${version}, or is not supported for ${verb}. `
      + 'Call ListModels to see the list of available models and their supported methods.',
  );
}

export const noResource = (kind, id) =>
  fault(403, `You do not have permission to access the ${kind} ${id} or it may not exist.`);

export const noCache = () => fault(403, 'CachedContent not found (or permission denied)');

export const overloaded = () =>
  fault(
    503,
    'This model is currently experiencing high demand. Spikes in demand '
      + 'are usually temporary. Please try again later.',
  );
export const overloadedOld = () => fault(503, 'The model is overloaded. Please try again later.');
export const internal = () =>
  fault(
    500,
    'An internal error has occurred. Please retry or report in '
      + 'https://developers.generativeai.google/guide/troubleshooting',
  );
export const deadline = () => fault(504, 'Deadline expired before operation could complete.');
export const timedOut = () => fault(504, 'The request timed out. Please try again.');
export const cancelled = () => fault(499, 'The operation was cancelled.');
export const depleted = () =>
  fault(
    402,
    'Your prepayment credits are depleted. Please go to AI Studio to ' + 'manage your project and billing.',
  );
export const argument = () => invalid('Request contains an invalid argument.');

function page(status, title, text) {
  return {
    status,
    html:
      `<!DOCTYPE html>\n<html lang=en>\n<meta charset=utf-8>\n<title>Error ${status} (${title})!!1</title>\n`
      + `<p><b>${status}.</b> <ins>That\u2019s an error.</ins>\n`
      + `<p>${text} <ins>That\u2019s all we know.</ins>\n`,
  };
}

export const noRoute = (url) =>
  page(
    404,
    'Not Found',
    `The requested URL <code>${url.replace(/[?].*|[<>&"']/g, '')}</code> was not found on this server.`,
  );
export const tooLarge = () =>
  page(413, 'Request Entity Too Large', 'Your client issued a request that was too large.');
export const gatewayPage = () =>
  page(
    502,
    'Server Error',
    'The server encountered a temporary error and could not complete your request. '
      + 'Please try again in 30 seconds.',
  );
export const badPage = () => ({
  status: 400,
  html:
    '<html><title>Error 400 (Bad Request)</title><body>'
    + '<center><h1>400 Bad Request</h1></center></body></html>\n',
});
export const sorryPage = () => ({
  status: 429,
  html:
    "<html><head><title>Sorry...</title></head><body><h1>We're sorry...</h1><p>... but your computer or "
    + "network may be sending automated queries. To protect our users, we can't process your request right "
    + 'now.</p></body></html>\n',
});

const HELP = () =>
  help('Learn more about Gemini API quotas', 'https://ai.google.dev/gemini-api/docs/rate-limits');
const QUOTA_TEXT =
  'You exceeded your current quota, please check your plan and billing details. For more '
  + 'information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits. To monitor your '
  + 'current usage, head to: https://ai.dev/usage?tab=rate-limit. ';

function waitText(ms) {
  return ms >= 1000 ? `${ms / 1000}s` : `${ms}ms`;
}

/**
 * The 429 of a spent quota. violations: [{metric, id, limit, model}]; ms: how long until the next
 * try may succeed; null leaves RetryInfo out. The order of the details varies, as it does at Google.
 */
export function quotaExceeded(violations, ms, turn = 0) {
  const lines = violations
    .map((v) => `\n* Quota exceeded for metric: ${v.metric}, limit: ${v.limit}, model: ${v.model}`)
    .join('');
  const text = QUOTA_TEXT + lines + (ms === null ? '' : `\nPlease retry in ${waitText(ms)}.`);
  const failure = detail('QuotaFailure', {
    violations: violations.map((v) => ({
      quotaMetric: v.metric,
      quotaId: v.id,
      quotaDimensions: { location: 'global', model: v.model },
      quotaValue: v.limit > 0 ? String(v.limit) : undefined,
    })),
  });
  const details = turn % 2 ? [failure, HELP()] : [HELP(), failure];
  if (ms !== null)
    details.splice(
      turn % 3 === 2 ? 0 : 2,
      0,
      detail('RetryInfo', { retryDelay: Math.floor(ms / 1000) + 's' }),
    );
  return fault(429, text, { details });
}

export const quotaBare = () => fault(429, 'Resource has been exhausted (e.g. check quota).');
export const quotaHelpOnly = () => fault(429, QUOTA_TEXT.trimEnd(), { details: [HELP()] });
export const quotaTextOnly = (ms) => fault(429, QUOTA_TEXT + `\nPlease retry in ${waitText(ms)}.`);

export function quotaOlder(limit, number) {
  return fault(
    429,
    "Quota exceeded for quota metric 'Generate Content API requests per minute' and limit "
      + `'GenerateContent request limit per minute for a region' of service '${SERVICE}' for consumer `
      + `'project_number:${number}'.`,
    {
      details: [
        info('RATE_LIMIT_EXCEEDED', {
          consumer: 'projects/' + number,
          quota_limit: 'GenerateContentRequestsPerMinutePerProjectPerRegion',
          quota_limit_value: String(limit),
          quota_location: 'global',
          service: SERVICE,
          quota_metric: SERVICE + '/generate_content_requests',
        }),
        help('Request a higher quota limit.', 'https://cloud.google.com/docs/quotas/help/request_increase'),
      ],
    },
  );
}
