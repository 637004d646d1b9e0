-- How provisioning clients are served.

alter table provisioning_clients add column profile text not null default 'generic'
  check (profile in ('generic', 'entra', 'okta', 'onelogin', 'google'));  -- whose habits are understood
alter table provisioning_clients drop column quirks;                      -- nothing ever read it
alter table provisioning_clients add column unknown_attributes text not null default 'ignore' check (unknown_attributes in ('ignore', 'refuse'));
alter table provisioning_clients add column patch_answer text not null default 'resource' check (patch_answer in ('resource', 'empty'));
alter table provisioning_clients add column requests_per_minute {INT} not null default 3000;
