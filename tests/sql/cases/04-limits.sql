-- SPDX-License-Identifier: MIT
-- RPM, RPD and TPM are kept to exactly.
select test.keys(1, 1);
select test.is('16 wishes of a batch get 16 permits from the only project', test.go(16), 16::bigint);
select admin.model_set('r', '{"rpm": 10}');
select test.is('of 16 wishes 10 may go', test.go(16, 'r'), 10::bigint);
select test.is('no more', test.go(1, 'r'), 0::bigint);
select test.is('the others are told when: 62 s after the second they began in', test.seconds_until_ready('r'), 62.000);
select test.is('in so many words', (select a ->> 'verdict' || ' ' || (a ->> 'reason') from test.ask1('r') a), 'wait quota');
delete from pollux.waiter;
select test.later('61.9 seconds');
select test.is('61.9 s later: none', test.go(16, 'r'), 0::bigint);
delete from pollux.waiter;
update pollux.quota set ready_at = '-infinity';
select test.is('not even if somebody says that it is ready', test.go(16, 'r'), 0::bigint);
delete from pollux.waiter;
select test.later('0.1 seconds');
select test.is('62 s later: ten', test.go(16, 'r'), 10::bigint);
delete from pollux.waiter;
select test.later('70 seconds');
select test.is('five now', test.go(5, 'r'), 5::bigint);
select test.later('30 seconds');
select test.is('and five in half a minute', test.go(16, 'r'), 5::bigint);
delete from pollux.waiter;
select test.later('32 seconds');
select test.is('then five again', test.go(16, 'r'), 5::bigint);
delete from pollux.waiter;

select admin.model_set('zero', '{"rpm": 0}');
select test.is('a limit of no requests at all is not a lack of credentials', test.ask1('zero') ->> 'reason', 'model_unavailable');
select admin.model_set('zero', '{"rpm": 1}');
select test.is('and ends with it', test.go(2, 'zero'), 1::bigint);
delete from pollux.waiter;
select admin.model_set('d', '{"rpd": 20}');
select test.at('2030-11-03 10:00 America/Los_Angeles');
select test.is('20 a day', test.go(30, 'd'), 20::bigint);
delete from pollux.waiter;
select test.is('back 2 s after midnight, the clock having been set back that night', test.seconds_until_ready('d'), (14 * 3600 + 2)::numeric);
select test.at('2030-11-04 00:00:01 America/Los_Angeles');
select test.is('not one second after midnight', test.go(1, 'd'), 0::bigint);
delete from pollux.waiter;
select test.at('2030-11-04 00:00:02 America/Los_Angeles');
select test.is('two seconds after it', test.go(5, 'd'), 5::bigint);
select test.at('2030-11-04 23:59:58.5 America/Los_Angeles');
select test.is('just before midnight', test.go(5, 'd'), 5::bigint);
select test.at('2030-11-05 00:00:01.5 America/Los_Angeles');
select test.is('just after it, both days count', test.go(20, 'd'), 10::bigint);
delete from pollux.waiter;
select test.at('2030-11-05 00:00:02 America/Los_Angeles');
select test.is('those around midnight count for the new day as well', test.go(20, 'd'), 5::bigint);
delete from pollux.waiter;
select test.at('2031-03-09 00:30 America/Los_Angeles');
select test.is('on the day that has 23 hours', test.go(30, 'd'), 20::bigint);
delete from pollux.waiter;
select test.is('back after 22.5 hours', test.seconds_until_ready('d'), (22.5 * 3600 + 2)::numeric);

select admin.model_set('t', '{"tpm": 1000}');
select test.is('tokens: ten of 100', test.go(16, 't'), 10::bigint);
select test.is('and the time they are back', test.ask1('t') ->> 'retry_in_ms' between '62000' and '62999', true);
delete from pollux.waiter;
select test.later('62 seconds');
select test.is('one of 900', test.go(2, 't', '{"est_tokens": 900}'), 1::bigint);
select test.is('does not keep one of 100 away', test.go(2, 't'), 1::bigint);
delete from pollux.waiter;
select test.is('a big one waits for tokens, not for its turn',
               (select a ->> 'reason' || ' ' || ((a ->> 'retry_in_ms')::integer > 50000) from test.ask1('t', '{"est_tokens": 500}') a),
               'quota true');
delete from pollux.waiter;
select test.later('62 seconds');
select test.is('one that is bigger than the limit goes alone', test.go(2, 't', '{"est_tokens": 5000}'), 1::bigint);
delete from pollux.waiter;
select test.later('62 seconds');
create temporary table p as select test.ask1('t', '{"est_tokens": 900}') as permit;
select test.is('estimated 900 of 1000', test.go(3, 't', '{"est_tokens": 300}'), 0::bigint);
delete from pollux.waiter;
select test.end(permit, 'ok', null, '{"est_tokens": 900, "usage": {"prompt": 50, "candidates": 5000, "total": 5050}}') from p;
select test.is('it was 50: only the prompt counts', test.go(5, 't', '{"est_tokens": 300}'), 3::bigint);
delete from pollux.waiter;
select test.later('62 seconds');
update p set permit = test.ask1('t', '{"est_tokens": 100}');
select test.end(permit, 'ok', null, '{"usage": {"prompt": 1200, "total": 1300}}') from p;
select test.is('it was more than 1000: nobody until they are gone', test.go(5, 't', '{"est_tokens": 1}'), 0::bigint);
delete from pollux.waiter;
select test.later('62 seconds');
select test.is('then again', test.go(5, 't', '{"est_tokens": 200}'), 5::bigint);

select admin.model_set('z', '{"rpm": 0}');
select test.is('a limit of 0', test.go(2, 'z'), 0::bigint);
select admin.model_set('z', '{"rpm": null}');
select test.is('a limit that is taken away', test.go(2, 'z'), 2::bigint);
select test.is('countTokens uses none of it',
               (select count(*) from generate_series(1, 15), test.ask1('r', '{"verb": "countTokens"}') a where a ->> 'verdict' = 'go'), 15::bigint);
select test.is('batch of three models', (select string_agg(a ->> 'verdict', ' ') from jsonb_array_elements(test.ask(jsonb_build_array(
    test.wish('r'), test.wish('m'), test.wish('z'), test.wish('r')))) a), 'go go go go');
