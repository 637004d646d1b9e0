-- How provisioning clients are served.

alter table provisioning_clients add column profile text not null default 'generic'
  check (profile in ('generic', 'entra', 'okta', 'onelogin', 'google'));  -- whose habits are understood
alter table provisioning_clients drop column quirks;                      -- nothing ever read it
alter table provisioning_clients add column unknown_attributes text not null default 'ignore' check (unknown_attributes in ('ignore', 'refuse'));
alter table provisioning_clients add column patch_answer text not null default 'resource' check (patch_answer in ('resource', 'empty'));
alter table provisioning_clients add column requests_per_minute {INT} not null default 12000;

-- Whose access tokens count as the client's: one application, or one of the organization's service accounts.
alter table provisioning_clients add column application_id {ID} references applications (id);
alter table provisioning_clients add column service_account_id {ID} references service_accounts (id);
create unique index provisioning_clients_application on provisioning_clients (organization_id, application_id) where application_id is not null;
create unique index provisioning_clients_service_account on provisioning_clients (organization_id, service_account_id) where service_account_id is not null;

alter table provisioning_tokens add column warned_for {INT};  -- the end that was told of
create index provisioning_tokens_end on provisioning_tokens (expires_at) where expires_at is not null;
create index provisioning_tokens_member_end on provisioning_tokens (member_end_at) where member_end_at is not null;

create index memberships_provisioning_client on memberships (provisioning_client_id, organization_id) where provisioning_client_id is not null;
alter table memberships add column held text;                 -- JSON of the names of details that the provisioning client has set; null: none
