-- Not for long: who appends meanwhile is not to wait behind us.
set local lock_timeout = '5s';
-- Who decided by hand, and why.
alter table override
    add column actor text not null default '',
    add column note text not null default '',
    add column set_at timestamptz not null default now();

-- What people did to the state. Entries are added and never changed.
create table audit (
    seq bigint generated always as identity primary key,
    at timestamptz not null default now(),
    actor text not null,
    -- The token's or certificate's name in the list of callers; empty where nobody is asked.
    caller text not null,
    action text not null,
    customer text collate "C",
    feature text collate "C",
    note text not null,
    -- What was decided before, and now; null: nothing.
    before jsonb,
    after jsonb
);
create index audit_customer on audit (customer, seq);

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'entries of the audit are never changed';
end $$;
create trigger audit_is_append_only before update or delete or truncate on audit execute function refuse_change();

-- Decides a feature by hand, or with null takes that back; marks the customer and writes it down. The same again changes
-- nothing. Returns the customer's marks: once they are applied, so is this. Null: there is nothing to take back.
create function decide(whose text, which text, decided jsonb, because text, who text, through text) returns bigint
language plpgsql as $$
declare
    old override;
    marked bigint;
begin
    if decided is not null then
        insert into customer (customer) values (whose) on conflict do nothing;
    end if;
    -- As append locks it.
    select marks into marked from customer where customer.customer = whose for update;
    select * into old from override where override.customer = whose and feature = which;
    if decided is null and old.customer is null then
        return null;
    end if;
    if old.override = decided and old.note = because and old.actor = who then
        return marked;
    end if;
    if decided is null then
        delete from override where override.customer = whose and feature = which;
    else
        insert into override (customer, feature, override, actor, note) values (whose, which, decided, who, because)
            on conflict (customer, feature) do update
            set override = decided, actor = who, note = because, set_at = now();
    end if;
    insert into audit (actor, caller, action, customer, feature, note, before, after)
        values (who, through, case when decided is null then 'override_deleted' else 'override_set' end,
            whose, which, because, old.override, decided);
    update customer set marks = marks + 1 where customer.customer = whose;
    return marked + 1;
end $$;
