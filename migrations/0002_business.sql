-- What real organizations need of their members: invitations that lapse, resellers, endings with an answer to who takes
-- over, transfers, functions that stand vacant, features that are switched on, domains that are proven.

alter table memberships add column accept_by {INT};              -- an invitation that nobody accepts is over then
alter table memberships add column invited_by {ID} references users (id);
alter table memberships add column reseller_role text check (reseller_role in ('accountant', 'auditor'));
alter table memberships add column bank_access {BOOL} not null default false;
alter table memberships add column user_administration {BOOL} not null default false;
create index memberships_unanswered on memberships (accept_by) where accept_by is not null and accepted_at is null and end_announced_at is null;
create index memberships_resellers on memberships (organization_id, id) where kind = 'reseller';
create index memberships_invited_by on memberships (invited_by) where invited_by is not null;

alter table memberships add column second_factor text check (second_factor = 'required');  -- of this member; null: as the organization says

alter table organizations add column suspended_keep_seats {BOOL} not null default false;

-- The domain of the address, so that verifying a domain finds its people.
alter table users add column email_domain text not null default '';
update users set email_domain = substr(email_key, length(rtrim(email_key, replace(email_key, '@', ''))) + 1);
create index users_email_domain on users (email_domain);

create table domain_claims (              -- domains that an organization wants to prove
  organization_id {ID} not null references organizations (id),
  domain          text not null,
  token           text not null,          -- published in DNS; no secret
  created_at      {INT} not null,
  checked_at      {INT},
  primary key (organization_id, domain)
) {STRICT};

create table features (                   -- what can be switched on, with the names that people know it by
  key         text primary key,
  names       text not null,              -- JSON object: language → name
  price_label text not null,
  position    {INT} not null
) {STRICT};

insert into features (key, names, price_label, position) values
  ('archive', '{"de":"Archivierung","en":"Archive","nb":"Arkivering","sv":"Arkivering"}', '', 1),
  ('extra_users', '{"de":"Zusätzliche Benutzer","en":"Extra users","nb":"Ekstra brukere","sv":"Extra användare"}', '', 2);
insert into features (key, names, price_label, position)
  select distinct feature, '{}', '', 3 from organization_features where feature not in ('archive', 'extra_users');

create table feature_activations (        -- one row each time; billing counts them
  id              {ID} primary key,
  organization_id {ID} not null references organizations (id),
  feature         text not null,
  price_label     text not null,
  actor_kind      text not null,
  actor_id        text not null,
  activated_at    {INT} not null,
  deactivated_at  {INT}
) {STRICT};
create unique index feature_activations_one on feature_activations (organization_id, feature) where deactivated_at is null;

create table function_vacancies (         -- a function whose holder's end came by itself
  organization_id {ID} not null references organizations (id),
  function        text not null,
  since           {INT} not null,
  membership_id   {ID} not null references memberships (id),  -- who had it
  primary key (organization_id, function)
) {STRICT};

create table invitations (                -- each time somebody was asked; the membership's newest counts
  id              {ID} primary key,
  organization_id {ID} not null references organizations (id),
  membership_id   {ID} not null references memberships (id),
  batch_id        {ID} not null,
  language        text not null,
  created_at      {INT} not null,
  sent_at         {INT},                  -- the mail server took it
  bounced_at      {INT},
  bounce_reason   text,
  opened_at       {INT},
  declined_at     {INT},
  withdrawn_at    {INT},
  reminded_at     {INT},                  -- the person was reminded of it
  superseded_at   {INT}                   -- the person was asked again
) {STRICT};
create unique index invitations_membership on invitations (membership_id) where superseded_at is null;
create index invitations_asked on invitations (membership_id, created_at);
create index invitations_organization on invitations (organization_id, created_at, id) where superseded_at is null;

create index member_functions_recipients on member_functions (organization_id, function);

create table reminders (                  -- what was reminded of, so that nobody hears of it twice
  membership_id {ID} not null references memberships (id),
  end_at        {INT} not null,
  days          {INT} not null,
  sent_at       {INT} not null,
  primary key (membership_id, end_at, days)
) {STRICT};

create table endings (                    -- who takes over what an ended member owned
  membership_id   {ID} primary key references memberships (id),
  organization_id {ID} not null references organizations (id),
  choice          text not null check (choice in ('successor', 'archive', 'pending')),
  successor_id    {ID} references memberships (id),
  created_at      {INT} not null,
  chosen_at       {INT},
  version         {INT} not null
) {STRICT};
create index endings_pending on endings (organization_id, created_at, membership_id) where choice = 'pending';

create table transfers (                  -- records that applications move from one member to another
  id              {ID} primary key,
  organization_id {ID} not null references organizations (id),
  from_id         {ID} not null references memberships (id),
  to_id           {ID} not null references memberships (id),
  created_at      {INT} not null,
  done_at         {INT},                  -- all applications have moved what they have
  withdrawn_at    {INT}                   -- before anything was moved
) {STRICT};
create unique index transfers_open on transfers (organization_id, from_id) where done_at is null and withdrawn_at is null;
create index transfers_organization on transfers (organization_id, id);
create index transfers_from on transfers (from_id);

create table transfer_parts (             -- what one application has to move; module '' is all that it has
  transfer_id     {ID} not null references transfers (id),
  organization_id {ID} not null,
  application_id  {ID} not null references applications (id),
  module_key      text not null,
  acknowledged_at {INT},
  moved           {INT},                  -- how many records, where the application said so
  primary key (transfer_id, application_id, module_key)
) {STRICT};
create index transfer_parts_waiting on transfer_parts (application_id, transfer_id) where acknowledged_at is null;

-- Service accounts: several secrets and keys, and whose hand made them.

alter table service_accounts add column auth_method text not null default 'client_secret_basic'
  check (auth_method in ('client_secret_basic', 'private_key_jwt'));
alter table service_accounts add column last_used_at {INT};  -- to the hour

create table service_account_credentials (
  id                 {ID} primary key,
  organization_id    {ID} not null references organizations (id),
  service_account_id {ID} not null references service_accounts (id),
  hash               {BYTES},             -- SHA-256 of a secret
  jwk                text,                -- or a public key
  made_by            {ID} references memberships (id),
  bound              {BOOL} not null,     -- ends with the member who made it: an external or a reseller
  member_end_at      {INT},               -- that member's end
  created_at         {INT} not null,
  expires_at         {INT},               -- its own end
  check ((hash is null) <> (jwk is null))
) {STRICT};
create index service_account_credentials_account on service_account_credentials (organization_id, service_account_id);
create index service_account_credentials_made_by on service_account_credentials (made_by) where made_by is not null;
insert into service_account_credentials (id, organization_id, service_account_id, hash, bound, created_at)
  select id, organization_id, id, secret_hash, false, created_at from service_accounts;
alter table service_accounts drop column secret_hash;

alter table provisioning_tokens add column made_by {ID} references memberships (id);
alter table provisioning_tokens add column bound {BOOL} not null default false;
alter table provisioning_tokens add column member_end_at {INT};
create index provisioning_tokens_made_by on provisioning_tokens (made_by) where made_by is not null;

create table used_assertions (            -- jti of client assertions, RFC 7523 §3
  hash       {BYTES} primary key,         -- of client and jti
  expires_at {INT} not null
) {STRICT};
create index used_assertions_expiry on used_assertions (expires_at);

-- Accounts that look as if several people used them.

create table shared_account_hints (       -- for the person
  user_id  {ID} not null references users (id),
  day      {INT} not null,                -- days since 1970, UTC
  first_at {INT} not null,
  last_at  {INT} not null,
  times    {INT} not null,                -- how often it began
  devices  {INT} not null,                -- at the same time, at most
  primary key (user_id, day)
) {STRICT};

create table shared_account_hints_of_organizations (  -- for those in whose name the devices were used
  organization_id {ID} not null references organizations (id),
  day             {INT} not null,
  user_id         {ID} not null references users (id),
  first_at        {INT} not null,
  last_at         {INT} not null,
  times           {INT} not null,
  devices         {INT} not null,
  primary key (organization_id, day, user_id)
) {STRICT};

-- History: personal values sealed under the person's key, entries in a chain for each organization.

create table person_keys (
  person       text primary key,          -- outside id of a user, or of a membership without one
  key          {BYTES},                   -- sealed by the master key; null once destroyed
  created_at   {INT} not null,
  destroyed_at {INT}
) {STRICT};

alter table audit_entries add column behalf text not null default '';      -- on whose behalf, where not the actor's own
alter table audit_entries add column user_agent text not null default '';
alter table audit_entries add column person text not null default '';      -- whom it is about; whose values are sealed
alter table audit_entries add column sealed {BYTES};                       -- JSON of changes: field, before, after
alter table audit_entries add column salt {BYTES};                         -- hashed with address and user agent
alter table audit_entries add column origin {BYTES};                       -- that hash, once the three were erased
alter table audit_entries add column position {INT};                       -- in the chain; null until sealed into it
alter table audit_entries add column link {BYTES};                         -- hash over this entry and all before
create index audit_entries_waiting on audit_entries (id) where position is null;
create unique index audit_entries_chain on audit_entries (organization_id, position) where position is not null;
create index audit_entries_person on audit_entries (person, at) where person <> '';
create index audit_entries_at on audit_entries (at, id) where organization_id is null;
create index audit_entries_actor on audit_entries (actor_id, at) where actor_kind in ('person', 'operator');

create table audit_chains (
  chain      text primary key,            -- outside id of the organization, or "installation"
  position   {INT} not null,              -- of the last entry
  link       {BYTES} not null,
  changed_at {INT} not null
) {STRICT};

create table audit_heads (                -- signed now and then, so that a chain cut or made anew is noticed
  chain     text not null,
  position  {INT} not null,
  link      {BYTES} not null,
  signature text not null,                -- JWS over the three and the time
  at        {INT} not null,
  primary key (chain, position)
) {STRICT};

create table audit_signers (              -- public keys that heads were signed with; the ring forgets its own
  kid        text primary key,
  jwk        {BYTES} not null,            -- sealed by the master key, so that nobody can put one there
  created_at {INT} not null
) {STRICT};

create table erasures (
  id           {ID} primary key,
  user_id      {ID} not null unique references users (id),
  pseudonym    text not null,
  requested_by text not null,
  requested_at {INT} not null,
  done_at      {INT},
  withdrawn_at {INT}
) {STRICT};

-- Imports can be taken up again where they stopped.

create table imports (
  id              {ID} primary key,
  organization_id {ID} not null references organizations (id),
  fingerprint     {BYTES} not null,       -- of file and options
  line            {INT} not null,         -- the last that was committed
  lines           {INT} not null,         -- how many people that was
  created         {INT} not null,
  linked          {INT} not null,
  refused         {INT} not null,
  started_at      {INT} not null,
  changed_at      {INT} not null,
  done_at         {INT},
  unique (organization_id, fingerprint)
) {STRICT};

create table import_refusals (
  import_id {ID} not null references imports (id) on delete cascade,
  line      {INT} not null,
  field     text not null,
  code      text not null,
  text      text not null,
  primary key (import_id, line)
) {STRICT};
