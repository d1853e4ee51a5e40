-- Where the comparison with Stripe's side is; one row, written by who holds it. The documents are the service's.
create table reconcile (
    one boolean primary key default true check (one),
    -- Who works on it; another one may after held_until.
    holder text,
    held_until timestamptz,
    -- Counts who asked for a walk by hand.
    asked bigint not null default 0,
    -- How far Stripe's log of events was compared with the inbox.
    log jsonb not null default '{}',
    -- How far Stripe's lists were walked.
    walk jsonb not null default '{}'
);
insert into reconcile default values;
