-- Everything learned about Stripe's objects, in the order in which it came.
create table inbox (
    seq bigint generated always as identity primary key,
    -- The event's id; of a fetch `fetch/` and a number.
    key text not null unique,
    source text not null check (source in ('webhook', 'fetch')),
    event_type text not null,
    object_kind text,
    object_id text,
    -- An event's `created`; of a fetch `fetched_from`.
    created bigint not null,
    livemode boolean,
    account text,
    body bytea not null,
    received_at timestamptz not null default now(),
    state text not null default 'received'
        check (state in ('received', 'routed', 'applied', 'ignored', 'waiting', 'parked')),
    -- Why it is ignored or parked, or the last failure.
    detail text not null default '',
    customer text,
    -- Ids of Stripe's objects: a link of any of them says whose it is.
    waits_on text[] not null default '{}',
    -- Of a fetch: Stripe's instant of the answer lies between; every event up to covers_seq was known before it was asked.
    fetched_from bigint,
    fetched_to bigint,
    covers_seq bigint,
    attempts integer not null default 0,
    retry_at bigint,
    claimed_until timestamptz,
    traceparent text
);
-- Compressed by nobody: a body is read once.
alter table inbox alter column body set storage external;
create index inbox_received on inbox (seq) where state = 'received' and retry_at is null;
create index inbox_again on inbox (retry_at, seq) where state = 'received' and retry_at is not null;
create index inbox_routed on inbox (customer, seq) where state = 'routed';
create index inbox_object on inbox (object_id, seq);
create index inbox_waiting on inbox using gin (waits_on) where state = 'waiting';

-- Whose one of Stripe's objects is. The first to say so wins.
create table link (
    stripe_id text primary key,
    customer text not null
);
create index link_customer on link (customer);
