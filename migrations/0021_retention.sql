-- Not for long: who accepts meanwhile is not to wait behind us.
set local lock_timeout = '5s';
-- What is finished and has its body still.
create index inbox_body on inbox (received_at) where octet_length(body) > 0 and state in ('applied', 'ignored');
