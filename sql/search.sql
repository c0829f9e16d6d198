-- SPDX-License-Identifier: MIT
-- Search: indexes by trigrams (pg_trgm is among Debian's postgresql-15) for the console's search. Without them it looks
-- at every credential, which takes some tenths of a second where there are 100,000.

do $$
begin
    create extension if not exists pg_trgm;
    create index if not exists credential_search on pollux.credential using gin (search gin_trgm_ops);
    create index if not exists project_search on pollux.project using gin (search gin_trgm_ops);
    comment on index pollux.credential_search is 'The console''s search by label, ending and notes.';
    comment on index pollux.project_search is 'The console''s search by project.';
exception when others then
    raise notice 'no pg_trgm here (%): searching a large pool takes a little longer', sqlerrm;
end
$$;
