-- SPDX-License-Identifier: MIT
-- Exchange: the one call that a request's way needs, shared by all requests that are waiting at the moment.
--
-- api.exchange(worker, settlements, wishes) -> rows of api.permit
--
-- Settlements first, then wishes; arrays of up to some hundreds each, one of them usually empty. A row answers
-- each wish, in their order. Before these there is a row (verdict "refused", reason: the error) for each
-- settlement that was malformed: the rest of the batch is done without it, and an event is noted.
--
-- A wish: {
--   "id": uuid of the request, "kind": "permit", or "auth" to authenticate only, "attempt": 1...; with "auth" 1
--   counts against the client's limits, 0 does not,
--   "token_hash": hexadecimal SHA-256 of the client token, "00" if the request holds no credential and open
--   access is on, or null, "dialect": "native" | "openai",
--   "verb": "generateContent" ... or "", "model": as the client wrote it, without "models/", or "",
--   "stream": bool, "est_tokens": n, "since_ms": how long it has been waiting, 0 at first,
--   "exclude": [projects already tried],
--   "resources": ["files/abc", ...]: the project that made them must serve,
--   "prefer_own": bool: rather the project in which this client last made something,
--   "credential": id: exactly this one, or null, "remote": address,
--   "fallback": bool: the model is not the client's choice but stands in for it; it need not be one that clients
--   may ask for,
--   "repeat": bool: the answer to this very wish was lost with the connection: it gets what was granted then,
--   "failed": the attempt that just failed (see below), or null: logged, and its penalty applied, first
-- }
-- Its answer, by verdict; what is not named is null. If the model is known to have any, "traits" is there with
-- each verdict: JSON text as told above pollux.model_traits():
--   go    id, attempt, client_id, client, credential_id, project_id, kind ("api_key" | "account"), sealed and
--         fingerprint (hexadecimal), model (after aliases), upstream_model, started_at
--   go    id, client_id, client: for kind "auth"
--   wait  id, client_id, client, retry_in_ms, reason: "quota" | "concurrency" | "turn"
--   no    id, client_id, client, retry_in_ms (if that helps), reason: "unauthenticated" | "token_expired" |
--         "token_revoked" | "model_hidden" | "model_denied" | "client_rpm" | "client_tpm" | "client_budget" |
--         "no_credentials" | "exhausted" | "resource_conflict" | "model_unavailable" | "malformed" |
--         "open_access_off" | "banned" | "ip_minute" | "ip_hour" | "protected"
--
-- A settlement: {
--   "id", "worker", "client_id", "dialect", "verb", "model", "asked_model", "stream", "user_agent", "remote",
--   "started_at": of the first permit; null if the request was never admitted,
--   "status": HTTP status the client got, "outcome": "ok" | "caller" | "refused" | "exhausted" |
--   "upstream_error" | "truncated" | "client_gone" | "unavailable" | "lost", "error",
--   "duration_ms", "first_byte_ms", "waited_ms", "bytes_in", "bytes_out",
--   "usage": {"prompt", "cached", "candidates", "thoughts", "tool", "total"} or null,
--   "attempts": [all of them]
-- }
-- An attempt: {
--   "n": 1..., "credential_id", "project_id", "model", "started_at": of its permit,
--   "first_byte_ms", "duration_ms", "status": HTTP status or 0, "outcome": see pollux.attempt.outcome,
--   "error", "est_tokens", "usage": as above or null, "penalty": null or {
--     "scope": "quota" | "credential" | "model" | "none", "rest": "ms" | "midnight" | "never" | "backoff" |
--     "dead" | "exact" (ms, without floor and ceiling: a rule of the operator),
--     "ms": n, "reason": text, "learn": {"rpm": n, "tpm": n, "rpd": n}}
-- }
-- An attempt is logged, and has its effect, once: with the wish that follows it or with the settlement.
set check_function_bodies = off;

-- These say that the whole call has to be done again, not that an item is bad: connection, rollback,
-- resources, interruption, system, configuration, read-only server.
create or replace function pollux.exchange_again(p_sqlstate text) returns boolean
language sql immutable as $$ select left(p_sqlstate, 2) in ('08', '25', '40', '53', '55', '57', '58',
                                                            'F0') $$;
comment on function pollux.exchange_again(text) is
    'Whether an error concerns the whole call rather than an item of it.';

-- Item by item, after a batch has failed.
drop function if exists pollux.exchange_settle(uuid, jsonb);
create or replace function pollux.exchange_settle(p_worker uuid, p_settlement jsonb) returns setof api.permit
language plpgsql volatile rows 1 as $$
begin
    perform pollux.settle_batch(p_worker, jsonb_build_array(p_settlement));
exception when others then
    if pollux.exchange_again(sqlstate) then
        raise;
    end if;
    perform pollux.event('refused_settlement', jsonb_build_object('error', sqlerrm, 'settlement', p_settlement));
    return next jsonb_populate_record(null::api.permit, jsonb_build_object(
        'id', p_settlement -> 'id', 'verdict', 'refused', 'reason', sqlerrm));
end
$$;
comment on function pollux.exchange_settle(uuid, jsonb) is
    'One settlement; answers it if it cannot be settled.';

drop function if exists pollux.exchange_wish(uuid, jsonb);
create or replace function pollux.exchange_wish(p_worker uuid, p_wish jsonb) returns setof api.permit
language plpgsql volatile rows 1 as $$
begin
    return query select * from pollux.wish_permits(pollux.wish_batch(p_worker, jsonb_build_array(p_wish)));
exception when others then
    if pollux.exchange_again(sqlstate) then
        raise;
    end if;
    perform pollux.event('refused_wish', jsonb_build_object('error', sqlerrm, 'id', p_wish -> 'id'));
    return next jsonb_populate_record(null::api.permit, jsonb_build_object(
        'id', p_wish -> 'id', 'verdict', 'no', 'reason', 'malformed'));
end
$$;
comment on function pollux.exchange_wish(uuid, jsonb) is 'Answers one wish; a malformed one is refused.';

create or replace function api.exchange(p_worker uuid, p_settlements jsonb, p_wishes jsonb)
returns setof api.permit
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_material = off
set jit = off
as $$
begin
    if p_settlements = '[]' then
        perform set_config('synchronous_commit', 'off', true);
    else
        perform pollux.settle_batch(p_worker, p_settlements);
    end if;
    if p_wishes <> '[]' then
        return query select * from pollux.wish_permits(pollux.wish_batch(p_worker, p_wishes));
    end if;
exception when others then
    if pollux.exchange_again(sqlstate) then
        raise;
    end if;
    return query select x.* from jsonb_array_elements(p_settlements) s, pollux.exchange_settle(p_worker, s.value) x;
    return query select x.* from jsonb_array_elements(p_wishes) w, pollux.exchange_wish(p_worker, w.value) x;
end
$$;
comment on function api.exchange(uuid, jsonb, jsonb) is
    'Settlements, then wishes: a row for every wish, in their order, after a row for every settlement that '
    'was refused (as a rule none). The shapes are told in sql/functions/exchange.sql. Reservations alone '
    'commit without waiting for the disk.';
