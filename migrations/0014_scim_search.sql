-- Members are found by the parts of their names that nobody was found by so far.

alter table memberships add column middle_name_key text not null default '';
alter table memberships add column name_prefix_key text not null default '';
alter table memberships add column name_suffix_key text not null default '';

create index memberships_middle_name on memberships (organization_id, middle_name_key) where middle_name_key <> '' and deleted_at is null;
create index memberships_name_prefix on memberships (organization_id, name_prefix_key) where name_prefix_key <> '' and deleted_at is null;
create index memberships_name_suffix on memberships (organization_id, name_suffix_key) where name_suffix_key <> '' and deleted_at is null;

-- Those who have such a part already. Only the program can fold a text, so it does that when it starts (directory.FoldNames)
-- and takes them out here.
create table memberships_to_fold (
  membership_id {ID} primary key references memberships (id) on delete cascade
) {STRICT};
insert into memberships_to_fold (membership_id)
  select id from memberships where details like '%"middle_name":"%' or details like '%"name_prefix":"%' or details like '%"name_suffix":"%';
