-- Not for long: who appends meanwhile is not to wait behind us.
set local lock_timeout = '5s';
alter table activation
    -- The version of the rules by which schedules are projected; of a binary that knows no versions it is the first.
    add column projection integer not null default 1,
    -- The release that brought these rules: an older one cannot bring older rules back, a newer one can.
    add column projected_by bigint not null default 0,
    -- The feed's head when no customer was left of an older activation; null: not yet.
    add column ended_revision bigint,
    add column ended_at timestamptz,
    -- How many customers there were then.
    add column customers bigint;

-- What would take access from too many, and waits until somebody confirms it. What becomes active ends them all.
create table catalog_hold (
    hash text,
    projection integer,
    -- Customers who would lose something, and of how many.
    losing bigint not null,
    touched bigint not null,
    held_at timestamptz not null default now(),
    primary key (hash, projection)
);

-- A catalog version and a projection version become the active pair: a revision. The active pair again changes nothing.
-- `rules` are the caller's own, and count only when there is no activation yet or a process of the caller is `ready`:
-- then newer rules replace older ones, and those of a newer release, or that somebody confirms, any. Nothing happens, and
-- null is returned, if another activation than `over` is the active one. `who` confirmed the pair `because` of something;
-- null: nobody had to.
-- `dry`: says what would be, and changes nothing.
create function activate_pair(
    new_hash text, new_source text, new_generation bigint, rules integer, ready boolean, over bigint, who text,
    because text, dry boolean)
returns activation language plpgsql as $$
declare
    head feed_head;
    latest activation;
    chosen activation;
    own boolean;
begin
    if not dry then
        head := lock_head();
    end if;
    select * into latest from activation order by number desc limit 1;
    if over <> coalesce(latest.number, 0) then
        return null;
    end if;
    own := latest.number is null or ready and case
        when who is not null then true
        when rules >= latest.projection then coalesce(new_generation >= latest.projected_by, true)
        else coalesce(new_generation > latest.projected_by, false) end;
    if latest.hash <> new_hash and new_generation < latest.generation then
        raise exception 'generation % is older than the active catalog''s %', new_generation, latest.generation
            using errcode = 'TG001';
    end if;
    chosen := latest;
    chosen.hash := new_hash;
    chosen.generation := greatest(new_generation, latest.generation, 0);
    if own then
        chosen.projection := rules;
        chosen.projected_by := greatest(new_generation, latest.projected_by, 0);
    end if;
    if (chosen.hash, chosen.projection) is distinct from (latest.hash, latest.projection) then
        chosen.number := coalesce(latest.number, 0) + 1;
        chosen.revision := head.number + 1;
        chosen.ended_revision := null;
        chosen.ended_at := null;
        chosen.customers := null;
        chosen.activated_at := now();
    end if;
    if dry then
        return chosen;
    elsif chosen.number is not distinct from latest.number then
        update activation set generation = chosen.generation, projected_by = chosen.projected_by where number = chosen.number;
        return chosen;
    end if;
    insert into catalog_version (hash, source) values (new_hash, new_source) on conflict do nothing;
    insert into activation select chosen.*;
    delete from catalog_hold;
    if who is not null then
        insert into audit (actor, caller, action, note, before, after) values (who, '', 'catalog_confirmed', because,
            jsonb_build_object('hash', latest.hash, 'projection', latest.projection),
            jsonb_build_object('hash', chosen.hash, 'projection', chosen.projection));
    end if;
    insert into feed (number, epoch, kind, activation) values (chosen.revision, head.epoch, 'catalog', chosen.number);
    update feed_head set number = chosen.revision;
    return chosen;
end $$;
