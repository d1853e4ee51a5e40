-- What a caller asked to be sold, written before Stripe is asked.
create table checkout (
    request_id text primary key,
    customer text not null,
    -- Of what the caller asked: the same id with another request is refused.
    fingerprint bytea not null,
    attempt integer not null default 1,
    -- Exactly what is sent, and sent again.
    path text not null,
    body text not null,
    api_version text not null,
    session text,
    -- Stripe's final refusal.
    error text,
    -- Of this attempt.
    started_at bigint not null
);
create index checkout_customer on checkout (customer);
create index checkout_session on checkout (session);

-- The one Stripe customer of a customer.
create table stripe_customer (
    customer text primary key,
    -- One more after Stripe's was deleted.
    generation integer not null default 1,
    path text not null,
    body text not null,
    api_version text not null,
    id text,
    attempt integer not null default 1,
    started_at bigint not null
);

-- When a session was last read again for a return page.
create table reread (
    session text primary key,
    at bigint not null
);
