-- When the webhook was stored that caused it, in microseconds by this database's clock; it goes on through what is fetched
-- because of it, as the traceparent does.
-- In the order in which append locks them, and not for long: who appends meanwhile is not to wait behind us.
set local lock_timeout = '5s';
alter table inbox add column accepted_at bigint;
alter table want add column traceparent text, add column accepted_at bigint;
alter table feed add column accepted_at bigint;

-- Asks for objects to be fetched, each a customer, id, kind and due_at: one row for each object, the earliest time wins.
create or replace function want(wishes jsonb) returns void language sql volatile as $$
    insert into want as w (object_id, object_kind, customer, due_at, traceparent, accepted_at)
        select distinct on (wish ->> 'id') wish ->> 'id', wish ->> 'kind', wish ->> 'customer', (wish ->> 'due_at')::bigint,
            wish ->> 'traceparent', (wish ->> 'accepted_at')::bigint
        from jsonb_array_elements(wishes) wish
        order by wish ->> 'id', (wish ->> 'due_at')::bigint
        on conflict (object_id) do update set
            due_at = case when w.parked then excluded.due_at else least(w.due_at, excluded.due_at) end,
            asked = w.asked + 1, parked = false,
            attempts = case when w.parked then 0 else w.attempts end,
            traceparent = coalesce(excluded.traceparent, w.traceparent),
            accepted_at = coalesce(excluded.accepted_at, w.accepted_at);
$$;

-- As before, and with accepted_at. The one writer of answers: a batch of customers, each compared and set by itself. Locks in
-- this order: inbox rows by
-- sequence, customers by key, wants by object, the feed's head last. One call is one commit.
create or replace function append(batch jsonb) returns table (name text, outcome text, at_revision bigint)
language plpgsql as $$
declare
    head feed_head;
    accepted jsonb;
    written bigint;
begin
    perform from inbox
        where seq in (
            select (each.seq)::bigint from jsonb_array_elements(batch) entry,
            lateral (
                select jsonb_array_elements_text(entry -> 'applied') as seq
                union all select f ->> 'seq' from jsonb_array_elements(entry -> 'failed') f
            ) each)
        order by seq for update;
    insert into customer (customer)
        select entry ->> 'customer' from jsonb_array_elements(batch) entry order by (entry ->> 'customer') collate "C"
        on conflict do nothing;
    perform from customer
        where customer.customer in (select entry ->> 'customer' from jsonb_array_elements(batch) entry)
        order by customer.customer for update;
    select coalesce(jsonb_agg(entry order by (entry ->> 'customer') collate "C"), '[]') into accepted
        from jsonb_array_elements(batch) entry
        join customer on customer.customer = entry ->> 'customer'
        where customer.facts_version = (entry ->> 'facts_version')::bigint
            and customer.activation <= (entry ->> 'activation')::bigint;

    perform want(jsonb_agg(wish || jsonb_build_object('customer', entry -> 'customer')))
        from jsonb_array_elements(accepted) entry, jsonb_array_elements(entry -> 'wants') wish;

    head := lock_head();
    return query
    with entry as (
        select value ->> 'customer' as customer, value as e,
            case when value -> 'schedule' <> 'null' then
                head.number + row_number() over (partition by value -> 'schedule' <> 'null' order by place)
            end as number
        from jsonb_array_elements(accepted) with ordinality as x (value, place)
    ), fed as (
        insert into feed (number, epoch, kind, customer, schedule, activation, traceparent, accepted_at)
        select entry.number, head.epoch, 'customer', entry.customer, e -> 'schedule', (e ->> 'activation')::bigint,
            e ->> 'traceparent', (e ->> 'accepted_at')::bigint
        from entry where entry.number is not null
    ), moved as (
        update feed_head set number = head.number + n
        from (select count(entry.number) as n from entry) counted where n > 0
    ), kept as (
        update customer c set
            facts = e -> 'facts',
            facts_version = c.facts_version + 1,
            schedule = case when entry.number is null then c.schedule else e -> 'schedule' end,
            revision = coalesce(entry.number, c.revision),
            activation = (e ->> 'activation')::bigint,
            as_of = (e ->> 'as_of')::bigint,
            applied_marks = greatest(c.applied_marks, (e ->> 'marks')::bigint),
            -- A failure of an earlier round keeps its time, though this round knows nothing of it.
            due_at = least((e ->> 'due_at')::bigint, (
                select min(i.retry_at) from inbox i
                where i.customer = entry.customer and i.state = 'routed' and i.seq not in (
                    select done::bigint from jsonb_array_elements_text(e -> 'applied') done
                    union all select (f ->> 'seq')::bigint from jsonb_array_elements(e -> 'failed') f))),
            claimed_until = null
        from entry where c.customer = entry.customer
    ), applied as (
        update inbox set state = 'applied', detail = '', retry_at = null
        from entry, jsonb_array_elements_text(e -> 'applied') done
        where inbox.seq = done::bigint and inbox.state = 'routed'
    ), failed as (
        update inbox set
            detail = f ->> 'error', attempts = attempts + 1, retry_at = (f ->> 'retry_at')::bigint,
            state = case when f ->> 'retry_at' is null then 'parked' else 'routed' end
        from entry, jsonb_array_elements(e -> 'failed') f
        where inbox.seq = (f ->> 'seq')::bigint and inbox.state = 'routed'
    )
    select b ->> 'customer',
        case when entry.customer is null then 'stale' when entry.number is null then 'unchanged' else 'revision' end,
        entry.number
    from jsonb_array_elements(batch) b left join entry on entry.customer = b ->> 'customer';
end $$;

-- What is unfinished, for operators: counts stop at `most`, ages are in microseconds and null where there is nothing. Only by
-- index: old statistics must not make it read a table.
create function figures(at bigint, most bigint) returns table (
    received bigint, routed bigint, waiting bigint, parked bigint,
    received_age bigint, routed_age bigint, waiting_age bigint, parked_age bigint,
    learned bigint, due bigint, outdated bigint, due_age bigint,
    settles bigint, settles_age bigint, unconfirmed bigint)
language sql stable set enable_seqscan = off set jit = off as $$
    with came as (
        select count(*) as n, min(received_at) as oldest from (
            (select received_at from inbox where state = 'received' and retry_at is null order by seq limit most)
            union all
            (select received_at from inbox where state = 'received' and retry_at is not null order by retry_at, seq limit most)
        ) it
    ), routed as (
        select count(*) as n, min(received_at) as oldest
        from (select received_at from inbox where state = 'routed' order by customer, seq limit most) it
    ), waiting as (
        select count(*) as n, min(received_at) as oldest
        from (select received_at from inbox where state = 'waiting' order by seq limit most) it
    ), parked as (
        select count(*) as n, min(received_at) as oldest
        from (select received_at from inbox where state = 'parked' order by seq limit most) it
    ), due as (
        select count(*) as n, min(due_at) as oldest
        from (select due_at from customer where due_at <= at and marks <= applied_marks order by due_at limit most) it
    ), settles as (
        select count(*) as n, min(due_at) as oldest
        from (select due_at from want where not parked and due_at <= at order by due_at limit most) it
    )
    select least(came.n, most), routed.n, waiting.n, parked.n,
        (extract(epoch from now() - came.oldest) * 1000000)::bigint, (extract(epoch from now() - routed.oldest) * 1000000)::bigint,
        (extract(epoch from now() - waiting.oldest) * 1000000)::bigint, (extract(epoch from now() - parked.oldest) * 1000000)::bigint,
        (select count(*) from (select from customer where marks > applied_marks order by customer limit most) it),
        due.n,
        (select count(*) from (
            select from customer
            where activation < (select coalesce(max(number), 0) from activation) and marks <= applied_marks
            order by activation, customer limit most) it),
        at - due.oldest,
        settles.n, at - settles.oldest,
        (select count(*) from (select from customer where facts -> 'carried_until' <> '{}' order by customer limit most) it)
    from came, routed, waiting, parked, due, settles
$$;
