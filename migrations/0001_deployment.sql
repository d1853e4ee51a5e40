-- Instants that a steered clock or Stripe gave are microseconds since 1970-01-01 UTC (bigint); timestamptz is this
-- database's own clock, for leases and bookkeeping only.

create table deployment (
    one boolean primary key default true check (one),
    livemode boolean not null
);

create table schema (
    one boolean primary key default true check (one),
    -- The oldest binary that works with these tables, as the number of its newest migration.
    oldest_binary integer not null
);
insert into schema (oldest_binary) values (1);
