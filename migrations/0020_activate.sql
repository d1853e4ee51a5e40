-- For binaries that know of no pairs: theirs are the first rules, and no reason to leave newer ones.
create or replace function activate(new_hash text, new_source text, new_generation bigint) returns activation
language sql volatile as $$
    select activate_pair(new_hash, new_source, new_generation, 1, false, null, null, null, false)
$$;
