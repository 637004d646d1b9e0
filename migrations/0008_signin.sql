-- How long a browser session has been unused at the longest since the person signed in: who comes back after a pause is
-- in use again, but not for an organization that allows no such pause.
alter table sessions add column longest_pause {INT} not null default 0;
