// SPDX-License-Identifier: MIT
// RPM, TPM and RPD of one (project, model). Minutes are sliding: no 60 seconds, wherever they
// begin, ever hold more than the limit. Days are dates in Los Angeles.

import { pacificDate } from './clock.mjs';

const MINUTE = 60000;
const PREFIX = 'generativelanguage.googleapis.com/';

/** What was counted in the last 60 seconds: a queue of (time, amount) with its sum. */
class Minute {
  times = [];
  amounts = [];
  head = 0;
  sum = 0;

  expire(time) {
    while (this.head < this.times.length && this.times[this.head] <= time - MINUTE)
      this.sum -= this.amounts[this.head++];
    if (this.head > 1024 && this.head * 2 > this.times.length) {
      this.times = this.times.slice(this.head);
      this.amounts = this.amounts.slice(this.head);
      this.head = 0;
    }
  }

  add(time, amount) {
    this.times.push(time);
    this.amounts.push(amount);
    this.sum += amount;
  }

  /** Milliseconds until `room` more fits under `limit`; a whole minute if it never will. */
  wait(time, room, limit) {
    let sum = this.sum;
    for (let i = this.head; i < this.times.length; i++) {
      sum -= this.amounts[i];
      if (sum + room <= limit) return this.times[i] + MINUTE - time;
    }
    return MINUTE;
  }
}

/** Metric and quota ids as Google names them, by kind of limit, tier and kind of call. */
export function violation(kind, model, limit, tier, embedding) {
  const free = tier !== 'paid';
  const suffix = free ? '-FreeTier' : '';
  if (embedding && kind !== 'tpm')
    return {
      metric: PREFIX + (free ? 'embed_content_free_tier_requests' : 'embed_content_paid_tier_requests'),
      id: `EmbedContentRequestsPer${kind === 'rpm' ? 'Minute' : 'Day'}PerUserPerProjectPerModel${suffix}`,
      limit,
      model,
    };
  const metric =
    kind === 'tpm'
      ? `generate_content_${free ? 'free' : 'paid'}_tier_input_token_count`
      : free
        ? 'generate_content_free_tier_requests'
        : kind === 'rpd'
          ? 'generate_requests_per_model_per_day'
          : 'generate_requests_per_model';
  const id = {
    rpm: 'GenerateRequestsPerMinutePerProjectPerModel' + suffix,
    rpd: 'GenerateRequestsPerDayPerProjectPerModel' + suffix,
    tpm: free
      ? 'GenerateContentInputTokensPerModelPerMinute-FreeTier'
      : 'GenerateContentPaidTierInputTokensPerModelPerMinute',
  }[kind];
  return { metric: PREFIX + metric, id, limit, model };
}

export class Quota {
  constructor(model, limits, tier) {
    this.model = model;
    this.tier = tier;
    this.limits = limits;
    this.requests = new Minute();
    this.tokens = new Minute();
    this.day = '';
    this.today = 0;
    this.peak = 0;
  }

  /**
   * Counts a call that arrives at `time` with `tokens` of input if every limit allows it, and
   * returns null; otherwise counts nothing and returns {violations, ms}.
   */
  admit(time, tokens, embedding) {
    const broken = this.broken(time, tokens);
    if (broken.length > 0) return this.refusal(broken, time, tokens, embedding);
    this.count(time, tokens);
    return null;
  }

  /** Counts a call whether or not it fits (refused calls, when the configuration counts them). */
  count(time, tokens) {
    this.requests.add(time, 1);
    this.tokens.add(time, tokens);
    this.today++;
    this.peak = Math.max(this.peak, this.requests.sum);
  }

  broken(time, tokens) {
    const { rpm, tpm, rpd } = this.limits;
    const day = pacificDate(time);
    if (day !== this.day) {
      this.day = day;
      this.today = 0;
    }
    this.requests.expire(time);
    this.tokens.expire(time);
    const broken = [];
    if (rpm !== undefined && this.requests.sum + 1 > rpm) broken.push('rpm');
    if (tpm !== undefined && this.tokens.sum + tokens > tpm) broken.push('tpm');
    if (rpd !== undefined && this.today + 1 > rpd) broken.push('rpd');
    return broken;
  }

  refusal(broken, time, tokens, embedding) {
    let ms = 0;
    if (broken.includes('rpm')) ms = Math.max(ms, this.requests.wait(time, 1, this.limits.rpm));
    if (broken.includes('tpm')) ms = Math.max(ms, this.tokens.wait(time, tokens, this.limits.tpm));
    if (ms === 0) ms = MINUTE - (time % MINUTE); /* a spent day still says "retry in" some seconds */
    const violations = broken.map((kind) =>
      violation(kind, this.model, this.limits[kind], this.tier, embedding),
    );
    return { violations, ms };
  }

  /** The state as /_sim/stats shows it. */
  view(time) {
    this.broken(time, 0);
    return {
      ...this.limits,
      requests_in_minute: this.requests.sum,
      tokens_in_minute: this.tokens.sum,
      day: this.day,
      requests_today: this.today,
      peak_in_minute: this.peak,
    };
  }
}
