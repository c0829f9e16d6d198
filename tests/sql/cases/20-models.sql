-- SPDX-License-Identifier: MIT
-- What an operator may say about a model.
select test.is('prices', admin.model_set('priced', '{"price_input": 1.25, "price_cached": 0.31, "price_output": 10}') ->> 'price_cached', '0.31');
select test.is('prompt, cached, output', pollux.cost('priced', 1000000, 0, 100000, 0, 0), 2.25);
select test.is('cached tokens are part of the prompt', round(pollux.cost('priced', 1000000, 400000, 0, 0, 0), 6), round(0.75 + 0.124, 6));
select test.is('thoughts cost what output costs, tool use what the prompt costs', round(pollux.cost('priced', 0, 0, 0, 100000, 200000), 6), 1.25);
select test.is('nothing costs nothing', pollux.cost('priced', null, null, null, null, null), 0::numeric);
select test.is('more cached than there was', round(pollux.cost('priced', 1000000, 2000000, 0, 0, 0), 6), 0.31);
select test.is('no price, no cost', pollux.cost('m', 1, 1, 1, 1, 1), null);
select admin.model_set('unpriced', '{"rpm": 1}');
select test.is('nor for a model without prices', pollux.cost('unpriced', 1, 1, 1, 1, 1), null);
select admin.model_set('priced', '{"price_cached": null}');
select test.is('without a price of their own cached tokens cost what others cost', pollux.cost('priced', 1000000, 500000, 0, 0, 0), 1.25);
select test.is('a price below zero', test.error($$select admin.model_set('priced', '{"price_input": -1}')$$), 'price_input must be a number from 0 to 1000000, or null');
select test.is('a price in words', test.error($$select admin.model_set('priced', '{"price_input": "cheap"}')$$), 'price_input must be a number from 0 to 1000000, or null');

-- What a patch may say.
select test.is('all of it', admin.model_set('m', '{"thinking_budget": 512, "include_thoughts": true, "stream_policy": "collect", "wait_limit_ms": 500, "fallback": ["models/n"]}')
    @> '{"thinking_budget": 512, "thinking_level": null, "include_thoughts": true, "stream_policy": "collect", "wait_limit_ms": 500, "fallback": ["n"]}', true);
select test.is('a level takes the place of a budget', (select (m ->> 'thinking_level') || coalesce(m ->> 'thinking_budget', '') from (select admin.model_set('m', '{"thinking_level": "low"}') as m) x), 'low');
select test.is('both at once', test.error($$select admin.model_set('m', '{"thinking_level": "low", "thinking_budget": 1}')$$), 'a model has a thinking_budget or a thinking_level, not both');
select test.is('a level that is none', test.error($$select admin.model_set('m', '{"thinking_level": "much"}')$$), 'thinking_level must be one of minimal, low, medium, high, or null');
select test.is('a budget below -1', test.error($$select admin.model_set('m', '{"thinking_budget": -2}')$$), 'thinking_budget must be a whole number from -1 to 1000000, or null');
select test.is('a policy that is none', test.error($$select admin.model_set('m', '{"stream_policy": "fast"}')$$), 'stream_policy must be one of auto, collect, whole, or null');
select test.is('thoughts in words', test.error($$select admin.model_set('m', '{"include_thoughts": "yes"}')$$), 'include_thoughts must be true, false or null');
select test.is('a fallback with a blank', test.error($$select admin.model_set('m', '{"fallback": ["a b"]}')$$), '"a b" cannot be the name of a model');
select test.is('a fallback that is no list', test.error($$select admin.model_set('m', '{"fallback": "n"}')$$), 'fallback must be an array of names');
select test.is('an upstream name with a blank', test.error($$select admin.model_set('m', '{"upstream_name": "a b"}')$$), '"a b" cannot be the name of a model');
select test.is('no object', test.error($$select admin.model_set('m', '[]')$$), 'a model is set by an object');

-- Loops.
select test.is('itself', test.error($$select admin.model_set('m', '{"fallback": ["m"]}')$$), 'the fallbacks of "m" lead back to it: m -> m');
select test.is('there and back', test.error($$select admin.model_set('n', '{"fallback": ["m"]}')$$), 'the fallbacks of "n" lead back to it: n -> m -> n');
select admin.model_set('n', '{"fallback": ["o"], "aliases": ["nn"]}');
select test.is('a longer way, by an alias', test.error($$select admin.model_set('o', '{"fallback": ["p", "m"]}')$$), 'the fallbacks of "o" lead back to it: o -> m -> n -> o');
select test.is('by a new alias', test.error($$select admin.model_alias('n', '["p"]', false), admin.model_set('o', '{"fallback": ["p"]}')$$), 'the fallbacks of "o" lead back to it: o -> n -> o');
select test.is('that alias is gone with the error', (select count(*) from pollux.model_alias where alias = 'p'), 0::bigint);

-- Aliases and removal.
select test.is('an alias more', admin.model_alias('n', '["n1", "models/n2"]', false) -> 'aliases', '["n1", "n2", "nn"]');
select test.is('and less', admin.model_alias('n', '["n1", "nn"]', true) -> 'aliases', '["n2"]');
select test.is('of a model that is not there', admin.model_alias('nobody', '["x"]', true), null);
select test.is('an alias makes its model', admin.model_alias('new', '["newer"]', false) ->> 'name', 'new');
select test.is('removed with its aliases', admin.model_remove('models/new') -> 'aliases', '["newer"]');
select test.is('and gone', admin.model_remove('new'), null);
select test.is('the alias is free again', admin.model_alias('m', '["newer"]', false) -> 'aliases', '["newer"]');

-- Traits.
select test.is('of a configured model', (select traits from pollux.model where name = 'm'), '{"level": "low", "thoughts": true, "stream": "collect", "wait_ms": 500, "fallback": ["n", "o"]}');
select test.is('a fallback shortens the wait', (select traits from pollux.model where name = 'n'), '{"wait_ms": 1000, "fallback": ["o"]}');
select test.is('nothing special', (select traits from pollux.model where name = 'priced'), null);
select test.is('nor of others', (select traits from pollux.model_preset), null);
select test.is('reach the worker', (test.ask1('m') ->> 'traits')::jsonb -> 'stream', '"collect"');
select test.is('and are absent when there are none', test.ask1('priced') ->> 'traits', null);
select admin.setting_set('stream_policy', 'whole'), admin.setting_set('thinking_budget', '0'), admin.setting_set('include_thoughts', 'on');
select test.is('settings are for all', (select traits from pollux.model_preset), '{"budget": 0, "thoughts": true, "guess": true, "stream": "whole"}');
select test.is('but what a model says goes first', (select traits from pollux.model where name = 'm'), '{"level": "low", "thoughts": true, "stream": "collect", "wait_ms": 500, "fallback": ["n", "o"]}');
select admin.model_set('priced', '{"thinking_budget": -1, "stream_policy": "auto"}');
select test.is('also that it be left alone', (select traits from pollux.model where name = 'priced'), '{"thoughts": true}');
select admin.setting_set('thinking_level', 'high'), admin.setting_set('thinking_override', 'on');
select test.is('a level goes before a budget', (select traits from pollux.model_preset), '{"level": "high", "thoughts": true, "guess": true, "override": true, "stream": "whole"}');
update pollux.setting set value = preset where name in ('stream_policy', 'thinking_budget', 'include_thoughts', 'thinking_level', 'thinking_override');
select test.is('back to nothing', (select traits from pollux.model_preset), null);

-- Search.
select test.keys(1, 2);
select test.is('the variant with search', (select (p ->> 'model') || ' ' || (p ->> 'traits') from (select test.ask1('gemini-x-search') as p) x), 'gemini-x {"search": true}');
select test.is('of an alias', (select (p ->> 'model') || ' ' || ((p ->> 'traits')::jsonb -> 'search') from (select test.ask1('newer-search') as p) x), 'm true');
select admin.model_set('real-search', '{}');
select test.is('a model of that name', test.ask1('real-search') ->> 'model', 'real-search');
select test.is('no name at all', test.ask1('-search') ->> 'model', '-search');
select admin.setting_set('search_variants', 'off');
select test.is('switched off', test.ask1('gemini-x-search') ->> 'model', 'gemini-x-search');
update pollux.setting set value = preset where name = 'search_variants';

-- Allow and deny.
select admin.setting_set('models_deny', 'gemini-*-pro*, secret?');
select test.is('denied', test.ask1('gemini-2.5-pro') ->> 'reason', 'model_hidden');
select test.is('by one letter', test.ask1('secret1') ->> 'reason', 'model_hidden');
select test.is('not by two', test.ask1('secret12') ->> 'verdict', 'go');
select test.is('a dot is a dot', test.ask1('geminiX2.5-pro') ->> 'verdict', 'go');
select admin.model_set('gemini-2.5-pro', '{"aliases": ["best"]}');
select test.is('also by another name', test.ask1('best') ->> 'reason', 'model_hidden');
select admin.model_set('mine', '{"upstream_name": "gemini-3-pro"}');
select test.is('also behind one', test.ask1('mine') ->> 'reason', 'model_hidden');
select test.is('not as a fallback', test.ask1('gemini-2.5-pro', '{"fallback": true}') ->> 'verdict', 'go');
select test.is('calls without a model are not meant', test.ask1('') ->> 'verdict', 'go');
select admin.setting_set('models_deny', ''), admin.setting_set('models_allow', 'best,gemini-x');
select test.is('allowed by its alias', test.ask1('best') ->> 'verdict', 'go');
select test.is('allowed with search', test.ask1('gemini-x-search') ->> 'verdict', 'go');
select test.is('not allowed', test.ask1('gemini-2.5-pro') ->> 'reason', 'model_hidden');
select test.is('no pattern', test.error($$select admin.setting_set('models_allow', '(a')$$) like 'setting "models_allow": "(a" does not look right%', true);
update pollux.setting set value = preset where name in ('models_allow', 'models_deny');

-- What there is.
create function test.names(p_client bigint default null) returns text language sql as $$
    select string_agg(substr(m ->> 'name', 8), ' ') from jsonb_array_elements(api.models(p_client)) m
$$;
delete from pollux.model;
select test.is('nothing was asked yet', test.names(), null);
select test.is('two projects are due', (select array_agg(c::int order by c) from jsonb_array_elements(api.models_due()) c), array[1, 2]);
select test.is('not for anybody else, who is told that nothing is known', api.models_due(), 'null');
select test.is('what a project may use', api.models_offered(1, '[{"name": "models/gemini-a", "displayName": "A", "supportedGenerationMethods": ["generateContent"]}, {"name": "models/gemini-embedding-b", "supportedGenerationMethods": ["embedContent"]}, {"name": "models/"}, {"no": "name"}, 1]'), 2);
select test.is('and another', api.models_offered(2, '[{"name": "models/gemini-a", "supportedGenerationMethods": ["generateContent"]}, {"name": "models/gemini-c", "supportedGenerationMethods": ["generateContent"]}]'), 2);
select test.is('the union, with search where that can be', test.names(), 'gemini-a gemini-a-search gemini-c gemini-c-search gemini-embedding-b');
select admin.model_set('own', '{"upstream_name": "gemini-c", "aliases": ["gpt"]}');
select test.is('with what is configured', test.names(), 'gemini-a gemini-a-search gemini-c gemini-c-search gemini-embedding-b gpt gpt-search own own-search');
select test.is('as Google describes it', (select m -> 'supportedGenerationMethods' from jsonb_array_elements(api.models(null)) m where m ->> 'name' = 'models/gpt'), '["generateContent"]');
select admin.setting_set('models_deny', '*-search,gemini-a');
select test.is('without what is denied', test.names(), 'gemini-c gemini-embedding-b gpt own');
update pollux.setting set value = preset where name = 'models_deny';
select admin.client_add('few', '0f', 'x', null, null, null, array['gpt', 'gemini-e*'], null);
select test.is('a client sees what it may use', test.names((select id from pollux.client where name = 'few')), 'gemini-embedding-b gpt');
select admin.credential_remove(2);
select test.is('the list of a project that is gone does not count', test.names(), 'gemini-a gemini-a-search gemini-embedding-b gpt gpt-search own own-search');
select test.later('59 minutes');
select test.is('not due yet', api.models_due(), '[]');
select test.later('2 minutes');
select test.is('due again', api.models_due(), '[1]');
select api.models_offered(1, null);
select test.is('it could not be had', api.models_due(), '[]');
select test.later('61 seconds');
select test.is('another try a minute later', api.models_due(), '[1]');
select test.is('meanwhile the old list is good', test.names() like 'gemini-a %', true);
drop function test.names;

-- One act, one row in the audit: also when a model is new.
create temp table before_ as select coalesce(max(id), 0) as id from pollux.audit;
select admin.model_set('told-once', '{"rpm": 5}') \g /dev/null
select test.is('configured', (select string_agg(action || ' ' || subject, ', ') from pollux.audit where id > (select id from before_)), 'model.set told-once');
select admin.model_set('told-empty', '{}') \g /dev/null
select test.is('without anything', (select string_agg(action || ' ' || subject, ', ') from pollux.audit where id > (select id from before_)), 'model.set told-once, model.add told-empty');

