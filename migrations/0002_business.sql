-- What real organizations need of their members: invitations that lapse, resellers, endings with an answer to who takes
-- over, transfers, functions that stand vacant, features that are switched on, domains that are proven.

alter table memberships add column accept_by {INT};              -- an invitation that nobody accepts is over then
alter table memberships add column invited_by {ID} references users (id);
alter table memberships add column reseller_role text check (reseller_role in ('accountant', 'auditor'));
alter table memberships add column bank_access {BOOL} not null default false;
alter table memberships add column user_administration {BOOL} not null default false;
create index memberships_unanswered on memberships (accept_by) where accept_by is not null and accepted_at is null and end_announced_at is null;
create index memberships_invited_by on memberships (invited_by) where invited_by is not null;

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
  withdrawn_at    {INT}
) {STRICT};
create index invitations_membership on invitations (membership_id, created_at);
create index invitations_organization on invitations (organization_id, created_at, id);

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
create index endings_pending on endings (organization_id, created_at) where choice = 'pending';

create table transfers (                  -- records that applications move from one member to another
  id              {ID} primary key,
  organization_id {ID} not null references organizations (id),
  from_id         {ID} not null references memberships (id),
  to_id           {ID} not null references memberships (id),
  created_at      {INT} not null,
  done_at         {INT}                   -- all applications have moved what they have
) {STRICT};
create unique index transfers_one on transfers (organization_id, from_id);
create index transfers_organization on transfers (organization_id, created_at, id);

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

-- Service accounts: several secrets, keys, and whose hand made them.

alter table service_accounts add column auth_method text not null default 'client_secret_basic'
  check (auth_method in ('client_secret_basic', 'private_key_jwt'));
alter table service_accounts add column jwks text not null default '';
alter table service_accounts add column made_by {ID} references memberships (id);

create table service_account_secrets (
  hash               {BYTES} not null,
  service_account_id {ID} not null references service_accounts (id),
  organization_id    {ID} not null references organizations (id),
  made_by            {ID} references memberships (id),  -- ends with this member where that is an external or a reseller
  created_at         {INT} not null,
  expires_at         {INT},
  primary key (service_account_id, hash)
) {STRICT};
create index service_account_secrets_made_by on service_account_secrets (made_by) where made_by is not null;
insert into service_account_secrets (hash, service_account_id, organization_id, created_at)
  select secret_hash, id, organization_id, created_at from service_accounts;

create table used_assertions (            -- jti of client assertions, RFC 7523 §3
  hash       {BYTES} primary key,         -- of client and jti
  expires_at {INT} not null
) {STRICT};
create index used_assertions_expiry on used_assertions (expires_at);

-- Accounts that look as if several people used them.

create table shared_account_hints (
  user_id    {ID} not null references users (id),
  day        {INT} not null,              -- days since 1970
  first_at   {INT} not null,
  last_at    {INT} not null,
  times      {INT} not null,
  devices    {INT} not null,              -- at the same time, at most
  primary key (user_id, day)
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
alter table audit_entries add column person text not null default '';      -- whose values are sealed
alter table audit_entries add column sealed {BYTES};                       -- JSON of changes: field, before, after
alter table audit_entries add column position {INT};                       -- in the chain; null until sealed into it
alter table audit_entries add column link {BYTES};                         -- hash over this entry and all before
create index audit_entries_waiting on audit_entries (id) where position is null;
create unique index audit_entries_chain on audit_entries (organization_id, position) where position is not null;
create index audit_entries_person on audit_entries (person, at) where person <> '';
create index audit_entries_at on audit_entries (at, id);

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
  created         {INT} not null,
  linked          {INT} not null,
  refused         {INT} not null,
  started_at      {INT} not null,
  changed_at      {INT} not null,
  done_at         {INT},
  unique (organization_id, fingerprint)
) {STRICT};
