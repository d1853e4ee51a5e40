-- For whom a page is being opened right now: one at a time, so that the second click finds the page of the first.
create table intent (
    customer text primary key,
    request_id text not null,
    until timestamptz not null
);
