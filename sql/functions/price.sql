-- SPDX-License-Identifier: MIT
-- Price: what tokens cost, by what the operator said about their model.
set check_function_bodies = off;

create or replace function pollux.cost(
    p_model text, p_prompt bigint, p_cached bigint, p_output bigint, p_thoughts bigint, p_tool bigint
) returns numeric
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select ((t.prompt - t.cached + t.tool) * coalesce(m.price_input, 0)
            + t.cached * coalesce(m.price_cached, m.price_input, 0)
            + t.output * coalesce(m.price_output, 0)) / 1000000
    from pollux.model m,
         (select greatest(coalesce(p_prompt, 0), 0) as prompt,
                 least(greatest(coalesce(p_cached, 0), 0), greatest(coalesce(p_prompt, 0), 0)) as cached,
                 greatest(coalesce(p_output, 0), 0) + greatest(coalesce(p_thoughts, 0), 0) as output,
                 greatest(coalesce(p_tool, 0), 0) as tool) t
    where m.name = p_model and coalesce(m.price_input, m.price_cached, m.price_output) is not null
$$;
comment on function pollux.cost(text, bigint, bigint, bigint, bigint, bigint) is
    'What these tokens of a model cost, in the currency of its prices. The prompt includes cached tokens, '
    'which have a price of their own; thoughts cost what output costs, tokens of tool use what the prompt '
    'costs. A price that is not known counts as 0; null when no price of the model is known (sum() passes over '
    'that).';
