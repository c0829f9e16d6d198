// SPDX-License-Identifier: MIT
// Quota windows: sliding minutes, tokens, Pacific days, and the 429 that ends them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pacificDate, setOffset } from './clock.mjs';
import { KEY, FLASH, sim, ask, call, generate, stream, stats, refused, limits } from './testing.mjs';

test('no sliding minute holds more than RPM, wherever it begins', async () => {
  limits({ rpm: 3 });
  const at = async (ms) => {
    setOffset(ms);
    return (await generate(ask('x'))).status;
  };
  assert.deepEqual([await at(0), await at(15000), await at(30000)], [200, 200, 200]);
  assert.equal(await at(45000), 429);
  assert.equal(await at(61000), 200, 'the first has left the window');
  assert.equal(await at(61000), 429);
  assert.equal(await at(76000), 200);
  assert.equal(await at(76000), 429);
});

test('a 429 of RPM carries the body that Google sends', async () => {
  limits({ rpm: 1 });
  await generate(ask('x'));
  const { json } = await generate(ask('x'));
  assert.equal(json.error.status, 'RESOURCE_EXHAUSTED');
  const metric = 'generativelanguage.googleapis.com/generate_content_free_tier_requests';
  assert.match(
    json.error.message,
    new RegExp(
      `\\* Quota exceeded for metric: ${metric}, limit: 1, model: ${FLASH}\\n`
        + 'Please retry in 5\\d\\.\\d+s\\.$',
    ),
  );
  const detail = (type) =>
    json.error.details.find((d) => d['@type'] === 'type.googleapis.com/google.rpc.' + type);
  assert.deepEqual(detail('QuotaFailure').violations, [
    {
      quotaMetric: metric,
      quotaId: 'GenerateRequestsPerMinutePerProjectPerModel-FreeTier',
      quotaDimensions: { location: 'global', model: FLASH },
      quotaValue: '1',
    },
  ]);
  assert.match(detail('RetryInfo').retryDelay, /^5\ds$/);
  assert.equal(detail('Help').links[0].url, 'https://ai.google.dev/gemini-api/docs/rate-limits');
});

test('the named wait is honest: before its end a call is refused, after it one is served', async () => {
  limits({ rpm: 1 });
  await generate(ask('x'));
  const { json } = await generate(ask('x'));
  const seconds = Number(/retry in ([0-9.]+)s/.exec(json.error.message)[1]);
  setOffset(seconds * 1000 - 5000);
  assert.equal((await generate(ask('x'))).status, 429);
  setOffset(seconds * 1000 + 1);
  assert.equal((await generate(ask('x'))).status, 200);
});

test('TPM counts input tokens of the last minute; a request over the limit never fits', async () => {
  limits({ tpm: 100 });
  assert.equal((await generate(ask('a'.repeat(240)))).status, 200);
  const { status, json } = await generate(ask('a'.repeat(240)));
  assert.equal(status, 429);
  const failure = json.error.details.find((d) => d.violations);
  assert.equal(failure.violations[0].quotaId, 'GenerateContentInputTokensPerModelPerMinute-FreeTier');
  assert.equal(failure.violations[0].quotaValue, '100');
  setOffset(60001);
  assert.equal((await generate(ask('a'.repeat(240)))).status, 200);
  setOffset(200000);
  assert.equal((await generate(ask('a'.repeat(404)))).status, 429);
});

test('RPD goes by the date in Los Angeles, in summer and in winter', async () => {
  for (const [midnight, date] of [
    ['2026-07-02T07:00:00Z', '2026-07-02'],
    ['2026-01-02T08:00:00Z', '2026-01-02'],
  ]) {
    assert.equal(pacificDate(Date.parse(midnight)), date);
    assert.notEqual(pacificDate(Date.parse(midnight) - 1), date);
  }
  limits({ rpd: 1 });
  sim.configure({ now: '2026-11-02T07:59:00Z' });
  assert.equal((await generate(ask('x'))).status, 200);
  const { status, json } = await generate(ask('x'));
  assert.equal(status, 429);
  assert.equal(
    json.error.details.find((d) => d.violations).violations[0].quotaId,
    'GenerateRequestsPerDayPerProjectPerModel-FreeTier',
  );
  sim.configure({ now: '2026-11-02T08:00:01Z' });
  assert.equal((await generate(ask('x'))).status, 200);
  const days = (await stats()).by_day;
  assert.equal(days['2026-11-01'].requests, 1);
  assert.equal(days['2026-11-02'].requests, 1);
});

test('quota belongs to project and model: two keys share it, another model and project do not', async () => {
  sim.configure({ projects: [{ id: 'p1', keys: [KEY, 'AIzaSecond'], limits: { '*': { rpm: 1 } } }] });
  assert.equal((await generate(ask('x'))).status, 200);
  assert.equal((await generate(ask('x'), FLASH, { 'x-goog-api-key': 'AIzaSecond' })).status, 429);
  assert.equal((await generate(ask('x'), 'gemini-2.5-pro')).status, 200);
  assert.equal((await generate(ask('x'), FLASH, { 'x-goog-api-key': 'AIzaOther' })).status, 200);
});

test('the stream is counted with the unary call, and a limit of zero says limit: 0', async () => {
  limits({ rpm: 1 });
  assert.equal((await stream(ask('x'))).status, 200);
  assert.equal((await generate(ask('x'))).status, 429);
  limits({ rpm: 0 });
  const { json } = await generate(ask('x'));
  assert.match(json.error.message, /limit: 0, model/);
  assert.equal(json.error.details.find((d) => d.violations).violations[0].quotaValue, undefined);
});

test('rejected calls use no quota unless configured to', async () => {
  limits({ rpm: 1 });
  for (let i = 0; i < 5; i++) await generate(ask('x'));
  setOffset(60001);
  assert.equal((await generate(ask('x'))).status, 200);
  sim.configure({ count_rejected: true });
  setOffset(90000);
  assert.equal((await generate(ask('x'))).status, 429);
  setOffset(121000);
  assert.equal((await generate(ask('x'))).status, 429, 'the rejected one still counts');
});
