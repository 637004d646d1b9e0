-- A page out of a hundred thousand members is found in indexes alone; of rows only those of the page are read.

-- The orders in which lists are offered. Deleted members are never listed, so two of the indexes do without them; who was made
-- when is also counted with them, so the third one says who is deleted.
drop index memberships_family_name;
create index memberships_family_name on memberships (organization_id, family_name_key, id) where deleted_at is null;
drop index memberships_display_name;
create index memberships_display_name on memberships (organization_id, display_name_key, id) where deleted_at is null;
drop index memberships_created;
create index memberships_created on memberships (organization_id, created_at, id, deleted_at);

-- Those of whom not everything is usual: with everything by which they are told apart, so that their rows need not be read.
-- An end that is set is among it, so that ends need no index of their own.
drop index memberships_end;
drop index memberships_perhaps_inactive;
create index memberships_perhaps_inactive on memberships (organization_id, end_at, ended_at, suspended_at, archived_at, accept_by, accepted_at,
  kind, id) where deleted_at is null and (archived_at is not null or ended_at is not null or end_at is not null or suspended_at is not null
  or accept_by is not null and accepted_at is null);
create index memberships_unusual_kind on memberships (organization_id, kind, id) where kind <> 'employee' and deleted_at is null;
create index memberships_deleted on memberships (organization_id) where deleted_at is not null;
