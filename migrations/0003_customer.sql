create table customer (
    customer text collate "C" primary key,
    facts jsonb not null default '{}',
    -- Counts appends: who read another one has read something old.
    facts_version bigint not null default 0,
    schedule jsonb not null default '{}',
    -- Of its last change in the feed; 0: never.
    revision bigint not null default 0,
    -- The number of the activation by which the schedule was made.
    activation bigint not null default 0,
    -- The instant at which it was made.
    as_of bigint not null default 0,
    -- Counts what happened to it; dirty while there are more than were applied.
    marks bigint not null default 0,
    applied_marks bigint not null default 0,
    -- When the clock makes it dirty.
    due_at bigint,
    claimed_until timestamptz
);
create index customer_dirty on customer (customer) where marks > applied_marks;
create index customer_due on customer (due_at) where due_at is not null;
create index customer_revision on customer (revision) where revision > 0;
create index customer_activation on customer (activation, customer);

create table override (
    customer text collate "C" not null,
    feature text collate "C" not null,
    override jsonb not null,
    primary key (customer, feature)
);

-- Objects to be fetched.
create table want (
    object_id text collate "C" primary key,
    object_kind text not null,
    customer text not null,
    due_at bigint not null,
    -- Counts who asked: a want that grew while it was being fetched stays.
    asked bigint not null default 1,
    attempts integer not null default 0,
    parked boolean not null default false,
    detail text not null default '',
    claimed_until timestamptz
);
create index want_due on want (due_at) where not parked;

-- Asks for objects to be fetched, each a customer, id, kind and due_at: one row for each object, the earliest time wins.
create function want(wishes jsonb) returns void language sql volatile as $$
    insert into want as w (object_id, object_kind, customer, due_at)
        select distinct on (wish ->> 'id') wish ->> 'id', wish ->> 'kind', wish ->> 'customer', (wish ->> 'due_at')::bigint
        from jsonb_array_elements(wishes) wish
        order by wish ->> 'id', (wish ->> 'due_at')::bigint
        on conflict (object_id) do update set
            due_at = case when w.parked then excluded.due_at else least(w.due_at, excluded.due_at) end,
            asked = w.asked + 1, parked = false,
            attempts = case when w.parked then 0 else w.attempts end;
$$;
