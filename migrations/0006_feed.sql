-- A branch of the feed. Timeline numbers repeat after failovers; the id is random and does not.
create table epoch (
    id bigint primary key,
    timeline integer not null,
    parent bigint,
    -- The parent's last revision that is also ours.
    parent_last bigint,
    opened_at timestamptz not null default now()
);

create table feed_head (
    one boolean primary key default true check (one),
    epoch bigint not null references epoch,
    timeline integer not null,
    number bigint not null
);

create table feed (
    number bigint primary key,
    epoch bigint not null,
    kind text not null check (kind in ('customer', 'catalog', 'epoch')),
    customer text,
    schedule jsonb,
    -- Of a catalog the new one's number, of a customer the one by which its schedule was made.
    activation bigint,
    traceparent text,
    written_at timestamptz not null default now()
);

-- Null while in recovery.
create function wal_timeline() returns integer language sql volatile as $$
    select case when pg_is_in_recovery() then null
        else ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::integer end
$$;

create function random_epoch() returns bigint language sql volatile as $$
    select ('x' || substr(replace(gen_random_uuid()::text, '-', ''), 1, 12))::bit(48)::bigint
$$;

-- Locks the head, the last lock of every append, and opens an epoch first if this server is on another timeline.
create function lock_head() returns feed_head language plpgsql as $$
declare
    head feed_head;
    opened bigint;
    line integer := wal_timeline();
begin
    select * into strict head from feed_head for update;
    if head.timeline <> line then
        opened := random_epoch();
        insert into epoch (id, timeline, parent, parent_last) values (opened, line, head.epoch, head.number);
        insert into feed (number, epoch, kind) values (head.number + 1, opened, 'epoch');
        update feed_head set epoch = opened, timeline = line, number = head.number + 1 returning * into strict head;
    end if;
    return head;
end $$;

do $$
declare
    first bigint := random_epoch();
begin
    insert into epoch (id, timeline) values (first, wal_timeline());
    insert into feed_head (epoch, timeline, number) values (first, wal_timeline(), 0);
end $$;
