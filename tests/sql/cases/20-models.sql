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
