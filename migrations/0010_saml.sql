-- SAML 2.0: service providers are applications of their own kind.

alter table applications add column kind text not null default 'oidc' check (kind in ('oidc', 'saml'));

create table service_providers (          -- what SAML needs to know of an application of kind saml
  application_id  {ID} primary key references applications (id),
  organization_id {ID} references organizations (id),  -- the owner, as the application's; null: the installation
  entity_id       text not null,
  slug            text,                   -- its name in /saml/init/{application}
  settings        text not null,          -- JSON: what whoever registered it decided
  metadata        text not null,          -- JSON: what its metadata says, parsed
  key_prints      text not null,          -- SHA-256 of its keys, for notices of change
  metadata_url    text,
  signed_by       {BYTES},                -- certificate of who must have signed its metadata
  fetched_at      {INT},
  next_at         {INT},                  -- when the address is asked again
  failure         text not null default '',
  failures        {INT} not null default 0,
  valid_until     {INT},                  -- the metadata's, or the soonest end of a key: when somebody must have acted
  warned_for      {INT}                   -- the end of which its owner was told
) {STRICT};
create unique index service_providers_installation on service_providers (entity_id) where organization_id is null;
create unique index service_providers_organization on service_providers (organization_id, entity_id) where organization_id is not null;
create unique index service_providers_installation_slug on service_providers (slug) where organization_id is null and slug is not null;
create unique index service_providers_organization_slug on service_providers (organization_id, slug) where organization_id is not null and slug is not null;
create index service_providers_refresh on service_providers (next_at) where next_at is not null;
create index service_providers_end on service_providers (valid_until) where valid_until is not null;

create table saml_requests (              -- requests that were taken: each counts once
  application_id {ID} not null references applications (id),
  hash           {BYTES} not null,        -- SHA-256 of the request's ID
  expires_at     {INT} not null,
  primary key (application_id, hash)
) {STRICT};
create index saml_requests_expiry on saml_requests (expires_at);

create table saml_participants (          -- who was told of a sign-in, and is told of its end
  id             {ID} primary key,
  sid            {ID} not null references session_organizations (id) on delete cascade,
  application_id {ID} not null references applications (id),
  name_id        text not null,           -- with its qualifiers, as the assertion had it
  name_id_format text not null,
  session_index  text not null,           -- random
  created_at     {INT} not null,
  told_at        {INT},                   -- when a sign-out was sent
  ended_at       {INT},                   -- when it was answered, or it signed out itself
  logout_id      {ID},                    -- the sign-out that takes a browser there; null: it is told without a browser, or not at all
  request_hash   {BYTES},                 -- SHA-256 of the ID of what was sent
  visits         {INT} not null default 0, -- how often a browser was sent there
  failed         {BOOL} not null default false -- it could not be told, or answered that it has not signed out
) {STRICT};
create unique index saml_participants_index on saml_participants (application_id, session_index);
create index saml_participants_sid on saml_participants (sid, application_id);
create index saml_participants_name on saml_participants (application_id, name_id);
create index saml_participants_request on saml_participants (request_hash) where request_hash is not null;
create index saml_participants_logout on saml_participants (logout_id) where logout_id is not null;

create table saml_logouts (               -- sign-outs that take a browser around
  id             {ID} primary key,
  browser_hash   {BYTES} not null,        -- SHA-256 of the browser's cookie
  application_id {ID} references applications (id), -- who asked, and is answered last; null: the person, with us
  answer         text not null,           -- JSON: what is answered, or where the browser goes at the end
  expires_at     {INT} not null
) {STRICT};
create index saml_logouts_expiry on saml_logouts (expires_at);

create table saml_artifacts (             -- responses that wait to be fetched, once
  hash           {BYTES} primary key,     -- SHA-256 of the message handle
  application_id {ID} not null references applications (id),
  response       {BYTES} not null,        -- sealed
  expires_at     {INT} not null
) {STRICT};
create index saml_artifacts_expiry on saml_artifacts (expires_at);

create table signing_certificates (       -- our keys as SAML shows them; made once for each of our entities
  kid         text not null references signing_keys (kid) on delete cascade,
  entity_id   text not null,
  certificate {BYTES} not null,           -- DER, self-signed
  created_at  {INT} not null,
  primary key (kid, entity_id)
) {STRICT};
