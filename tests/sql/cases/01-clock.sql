-- SPDX-License-Identifier: MIT
-- Days are those of America/Los_Angeles: 25 hours on 2026-11-01, 23 on 2027-03-14.
select test.is('midnight in winter is 08:00 UTC', pollux.pacific_midnight('2026-01-10'), '2026-01-10 08:00+00');
select test.is('midnight in summer is 07:00 UTC', pollux.pacific_midnight('2026-07-10'), '2026-07-10 07:00+00');
select test.is('06:59:59Z in summer is the day before', pollux.pacific_date('2026-07-10 06:59:59+00'), '2026-07-09');
select test.is('07:00:00Z in summer is the day', pollux.pacific_date('2026-07-10 07:00:00+00'), '2026-07-10');
select test.is('07:59:59Z in winter is the day before', pollux.pacific_date('2026-01-10 07:59:59+00'), '2026-01-09');
select test.is('the day daylight saving ends has 25 hours',
               pollux.pacific_midnight('2026-11-02') - pollux.pacific_midnight('2026-11-01'), interval '25 hours');
select test.is('the day daylight saving begins has 23 hours',
               pollux.pacific_midnight('2027-03-15') - pollux.pacific_midnight('2027-03-14'), interval '23 hours');
select test.at('2026-11-01 23:59:57.9 America/Los_Angeles');
select test.is('2.1 s before midnight only the old day counts', (pollux.moment(pollux.policy())).late, false);
select test.at('2026-11-01 23:59:58.1 America/Los_Angeles');
select test.is('1.9 s before midnight both days count', (pollux.moment(pollux.policy())).late, true);
select test.at('2026-11-02 00:00:01.9 America/Los_Angeles');
select test.is('1.9 s after midnight both days count', (pollux.moment(pollux.policy())).late, true);
select test.is('and the day is still the old one', (pollux.moment(pollux.policy())).day, '2026-11-01'::date);
select test.at('2026-11-02 00:00:02 America/Los_Angeles');
select test.is('2 s after midnight only the new day counts', (pollux.moment(pollux.policy())).late, false);
select test.is('which is the new one', (pollux.moment(pollux.policy())).day, '2026-11-02'::date);
select test.is('its quota is back two seconds after it ends', (pollux.moment(pollux.policy())).day_ends,
               '2026-11-03 00:00:02 America/Los_Angeles'::timestamptz);
select test.is('a number from outside is cut to size', array[pollux.whole(1e30, 1000), pollux.whole(-5, 1000),
               pollux.whole('NaN', 1000), pollux.whole(12.9, 1000), pollux.whole(null, 1000), pollux.whole('Infinity', 7)],
               array[1000, 0, 0, 12, null, 7]::bigint[]);
