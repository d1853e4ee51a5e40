create table catalog_version (
    hash text primary key,
    source text not null,
    stored_at timestamptz not null default now()
);

create table activation (
    number bigint primary key,
    hash text not null references catalog_version,
    -- The release that asked for it: an older one cannot bring an old catalog back.
    generation bigint not null,
    revision bigint not null,
    activated_at timestamptz not null default now()
);
