-- SPDX-License-Identifier: MIT
-- Ban: networks from which nobody is served without a client token, until the ban ends.
set check_function_bodies = off;

create or replace function pollux.net_of(p_address text) returns cidr
language plpgsql immutable as $$
declare
    v_address inet;
begin
    v_address := p_address::inet;
    if family(v_address) = 6 and v_address <<= '::ffff:0:0/96' then
        v_address := substr(host(v_address), 8)::inet;
    end if;
    return network(set_masklen(v_address, case family(v_address) when 4 then 32 else 64 end));
exception when others then
    return '0.0.0.0/32';
end
$$;
comment on function pollux.net_of(text) is
    'The network by which an address is counted and banned: itself, or the /64 of an IPv6 address. Addresses '
    'that are not known are one: 0.0.0.0.';

create or replace function pollux.ban_end(p_net cidr, p_now timestamptz) returns timestamptz
language plpgsql stable as $$
begin
    return (select max(ends_at) from pollux.ban where net >>= p_net and ends_at > p_now);
end
$$;
comment on function pollux.ban_end(cidr, timestamptz) is 'Until when this network is banned; null: it is not.';

create or replace function pollux.ban_put(p_net cidr, p_reason text, p_automatic boolean, p_ends timestamptz)
returns pollux.ban
language plpgsql volatile as $$
declare
    b pollux.ban;
begin
    insert into pollux.ban as o (net, reason, automatic, created_at, ends_at)
    values (p_net, p_reason, p_automatic, pollux.now(), p_ends)
    on conflict (net) do update
    set reason = excluded.reason, automatic = excluded.automatic, created_at = excluded.created_at,
        ends_at = case when p_automatic then greatest(o.ends_at, excluded.ends_at) else excluded.ends_at end
    returning * into b;
    perform pollux.event('ban', to_jsonb(b));
    return b;
end
$$;
comment on function pollux.ban_put(cidr, text, boolean, timestamptz) is
    'Bans a network. One that is banned already gets the new reason and end; by itself no ban becomes shorter.';

create or replace function pollux.ban_json(b pollux.ban) returns jsonb
language sql immutable as $$
    select jsonb_build_object(
        'net', case when masklen(b.net) = case family(b.net) when 4 then 32 else 128 end
                    then host(b.net) else b.net::text end,
        'reason', b.reason, 'automatic', b.automatic, 'created_at', b.created_at, 'ends_at', b.ends_at)
$$;
comment on function pollux.ban_json(pollux.ban) is 'A ban as the command line sees it.';

create or replace function pollux.ban_net(p_text text) returns cidr
language plpgsql immutable as $$
declare
    v_net inet;
begin
    begin
        v_net := btrim(p_text)::inet;
    exception when others then
        raise exception '"%" is no address or network', p_text using errcode = 'invalid_parameter_value',
            hint = 'Write 198.51.100.7, 198.51.100.0/24, 2001:db8::1 or 2001:db8::/48.';
    end;
    if position('/' in p_text) = 0 then
        return pollux.net_of(btrim(p_text));
    elsif masklen(v_net) < (case family(v_net) when 4 then 8 else 16 end) then
        raise exception 'a ban of % would shut out too much', v_net using errcode = 'invalid_parameter_value',
            hint = 'To serve nobody without a token: pollux setting set open_access off';
    end if;
    return network(v_net);
end
$$;
comment on function pollux.ban_net(text) is
    'The network that an operator names, or an error: an address alone means what is counted together with it.';

create or replace function admin.ban_list(p_limit integer, p_after text) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select coalesce(jsonb_agg(pollux.ban_json(b) order by b.net), '[]')
    from (select * from pollux.ban
          where ends_at > pollux.now() and (p_after is null or net > p_after::cidr)
          order by net limit p_limit) b
$$;
comment on function admin.ban_list(integer, text) is
    'Up to p_limit bans in force, of networks after p_after (null: from the first), an array of {net, reason, '
    'automatic, created_at, ends_at}.';

create or replace function admin.ban_add(p_net text, p_reason text, p_ends timestamptz) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_ends timestamptz := coalesce(p_ends, pollux.now() + interval '1 day');
    v_net cidr := pollux.ban_net(p_net);
    v_was jsonb := (select pollux.ban_json(b) from pollux.ban b where net = v_net and ends_at > pollux.now());
    v_ban jsonb;
begin
    if v_ends <= pollux.now() then
        raise exception 'that is in the past: %', v_ends using errcode = 'invalid_parameter_value';
    elsif v_ends > pollux.now() + interval '10 years' then
        raise exception 'a ban ends within ten years' using errcode = 'invalid_parameter_value';
    elsif p_reason ~ '[[:cntrl:]]' or length(p_reason) > 200 then
        raise exception 'a reason has up to 200 characters' using errcode = 'invalid_parameter_value';
    end if;
    v_ban := pollux.ban_json(pollux.ban_put(v_net, coalesce(nullif(p_reason, ''), 'by hand'), false, v_ends));
    perform pollux.audit(null, 'ban.add', v_ban ->> 'net', v_was, v_ban);
    return v_ban;
end
$$;
comment on function admin.ban_add(text, text, timestamptz) is
    'Bans an address or network until p_ends, a day if that is null. Answers it as in ban_list.';

create or replace function admin.ban_lift(p_net text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_net cidr := pollux.ban_net(p_net);
    b pollux.ban;
begin
    delete from pollux.ban where net = v_net returning * into b;
    update pollux.visitor set breaches = 0, breach_since = null where net = v_net;
    if b.net is null then
        return null;
    end if;
    perform pollux.event('ban_lifted', to_jsonb(b));
    perform pollux.audit(null, 'ban.lift', pollux.ban_json(b) ->> 'net', pollux.ban_json(b), null);
    return pollux.ban_json(b);
end
$$;
comment on function admin.ban_lift(text) is
    'Lifts the ban of exactly this network and forgets its breaches. Answers it as it was; null if there is none.';

create or replace function pollux.ban_expire() returns integer
language plpgsql volatile as $$
declare
    v_rows integer;
    v_more integer;
begin
    delete from pollux.ban where ends_at <= pollux.now();
    get diagnostics v_rows = row_count;
    delete from pollux.visitor where net in (select net from pollux.visitor
                                             where seen_at < pollux.now() - interval '2 hours'
                                             for update skip locked);
    get diagnostics v_more = row_count;
    return v_rows + v_more;
end
$$;
comment on function pollux.ban_expire() is
    'Deletes bans that are over, and addresses that were not seen for two hours.';
