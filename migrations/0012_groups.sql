-- Groups that provisioning clients keep.

alter table groups add column provisioning_client_id {ID} references provisioning_clients (id);  -- who keeps it; null: nobody yet
create unique index groups_external_id on groups (organization_id, provisioning_client_id, external_id) where external_id is not null;
create index groups_by_external_id on groups (organization_id, external_id) where external_id is not null;
create index groups_created on groups (organization_id, created_at, id);

create table former_group_keys (          -- applications may still call something by the key of a removed group
  organization_id {ID} not null references organizations (id),
  key             text not null,
  primary key (organization_id, key)
) {STRICT};
