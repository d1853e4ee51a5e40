-- The catalog that is active may be applied again by whoever: a pod of an older release that is made anew applies the same
-- one and must not fail. Only another catalog of an older generation is refused.
create or replace function activate(new_hash text, new_source text, new_generation bigint) returns activation
language plpgsql as $$
declare
    head feed_head;
    latest activation;
begin
    head := lock_head();
    select * into latest from activation order by number desc limit 1;
    if latest.hash = new_hash then
        update activation set generation = greatest(new_generation, generation)
            where number = latest.number returning * into latest;
        return latest;
    end if;
    if new_generation is not null and new_generation < latest.generation then
        raise exception 'generation % is older than the active catalog''s %', new_generation, latest.generation
            using errcode = 'TG001';
    end if;
    insert into catalog_version (hash, source) values (new_hash, new_source) on conflict do nothing;
    insert into activation (number, hash, generation, revision)
        values (coalesce(latest.number, 0) + 1, new_hash, coalesce(new_generation, latest.generation, 0), head.number + 1)
        returning * into latest;
    insert into feed (number, epoch, kind, activation) values (head.number + 1, head.epoch, 'catalog', latest.number);
    update feed_head set number = head.number + 1;
    return latest;
end $$;
