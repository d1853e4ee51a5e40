-- The one writer of answers: a batch of customers, each compared and set by itself. Locks in this order: inbox rows by
-- sequence, customers by key, wants by object, the feed's head last. One call is one commit.
create function append(batch jsonb) returns table (name text, outcome text, at_revision bigint)
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
        insert into feed (number, epoch, kind, customer, schedule, activation, traceparent)
        select entry.number, head.epoch, 'customer', entry.customer, e -> 'schedule', (e ->> 'activation')::bigint,
            e ->> 'traceparent'
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

-- A catalog version becomes the active one: a revision. The active hash again changes nothing.
create function activate(new_hash text, new_source text, new_generation bigint) returns activation
language plpgsql as $$
declare
    head feed_head;
    latest activation;
begin
    head := lock_head();
    select * into latest from activation order by number desc limit 1;
    if new_generation is not null and new_generation < latest.generation then
        raise exception 'generation % is older than the active catalog''s %', new_generation, latest.generation
            using errcode = 'TG001';
    end if;
    if latest.hash = new_hash then
        update activation set generation = coalesce(new_generation, generation)
            where number = latest.number returning * into latest;
        return latest;
    end if;
    insert into catalog_version (hash, source) values (new_hash, new_source) on conflict do nothing;
    insert into activation (number, hash, generation, revision)
        values (coalesce(latest.number, 0) + 1, new_hash, coalesce(new_generation, latest.generation, 0), head.number + 1)
        returning * into latest;
    insert into feed (number, epoch, kind, activation) values (head.number + 1, head.epoch, 'catalog', latest.number);
    update feed_head set number = head.number + 1;
    return latest;
end $$;
