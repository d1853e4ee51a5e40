-- Not for long: who appends meanwhile is not to wait behind us.
set local lock_timeout = '5s';
-- Of a customer's revision the instant as of which it was made, in microseconds; null in those of older binaries.
alter table feed add column as_of bigint;
-- What was answered at an instant that is over.
create index feed_customer on feed (customer, number) where customer is not null;

-- As before, and with as_of. The one writer of answers: a batch of customers, each compared and set by itself. Locks in this
-- order: inbox rows by sequence, customers by key, wants by object, the feed's head last. One call is one commit.
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
        insert into feed (number, epoch, kind, customer, schedule, activation, traceparent, accepted_at, as_of)
        select entry.number, head.epoch, 'customer', entry.customer, e -> 'schedule', (e ->> 'activation')::bigint,
            e ->> 'traceparent', (e ->> 'accepted_at')::bigint, (e ->> 'as_of')::bigint
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
