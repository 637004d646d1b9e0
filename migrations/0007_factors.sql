-- Factors of a sign-in, and what people may see and end of it themselves.

create table webauthn_handles (           -- what an authenticator knows a person by: random, not the person's id
  user_id {ID} primary key references users (id),
  handle  {BYTES} not null unique
) {STRICT};

create table webauthn_keys (
  id                {ID} primary key,
  user_id           {ID} not null references users (id),
  credential_id     {BYTES} not null unique,
  credential        text not null,        -- JSON of the library's record: public key, flags, counter, attestation
  name              text not null,        -- given by the person
  discoverable      {BOOL} not null,      -- a passkey, good without an e-mail; else a security key beside a password
  credentials_epoch {INT} not null,
  created_at        {INT} not null,
  used_at           {INT}
) {STRICT};
create index webauthn_keys_user on webauthn_keys (user_id);

create table webauthn_ceremonies (        -- a challenge, good once
  id         {ID} primary key,
  purpose    text not null check (purpose in ('register', 'second_factor', 'passkey')),
  user_id    {ID} references users (id),  -- null: whoever the passkey belongs to
  bound_to   {BYTES} not null,            -- hash of the browser's or the session's cookie
  data       {BYTES} not null,            -- the library's session data, sealed
  expires_at {INT} not null
) {STRICT};
create index webauthn_ceremonies_expiry on webauthn_ceremonies (expires_at);

create table recovery_codes (
  user_id           {ID} not null references users (id),
  hash              {BYTES} not null,
  credentials_epoch {INT} not null,
  made_at           {INT} not null,
  used_at           {INT},
  primary key (user_id, hash)
) {STRICT};

create table mailed_codes (               -- the newest one of a person counts
  user_id    {ID} primary key references users (id),
  hash       {BYTES} not null,
  user_epoch {INT} not null,
  bound_to   {BYTES} not null,            -- the conversation that asked for it
  sent_at    {INT} not null,
  expires_at {INT} not null,
  used_at    {INT}
) {STRICT};

create table trusted_devices (            -- browsers in which the second factor was shown, and is not asked again for some days
  id                {ID} primary key,
  user_id           {ID} not null references users (id),
  hash              {BYTES} not null unique,
  user_epoch        {INT} not null,
  credentials_epoch {INT} not null,
  acr               text not null,
  user_agent        text not null,
  address           text not null,
  proven_at         {INT} not null,
  seen_at           {INT} not null,
  ended_at          {INT}
) {STRICT};
create index trusted_devices_user on trusted_devices (user_id);

create table email_changes (              -- a new sign-in address that waits for the mailbox, and a way back for the old one
  id           {ID} primary key,
  user_id      {ID} not null references users (id),
  old_email    text not null,
  new_email    text not null,
  new_key      text not null,
  confirm_hash {BYTES} not null unique,
  undo_hash    {BYTES} unique,
  created_at   {INT} not null,
  expires_at   {INT} not null,
  confirmed_at {INT},
  undone_at    {INT},
  voided_at    {INT}
) {STRICT};
create index email_changes_user on email_changes (user_id);

-- Where the second factor was not shown at the sign-in but trusted from an earlier one: when it was shown.
alter table sessions add column factor_at {INT};
alter table authorization_codes add column factor_at {INT};
alter table token_families add column factor_at {INT};

alter table organizations add column mail_codes {BOOL} not null default false;      -- a code by mail counts as second factor
alter table organizations add column trusted_days {INT} not null default 0;         -- 0: the second factor is asked for at every sign-in
alter table organizations add column idle_limit {INT};                              -- seconds; null: the installation's
alter table organizations add column session_limit {INT};                           -- seconds; null: the installation's
alter table organizations add column key_policy text not null default 'any' check (key_policy in ('any', 'attested'));
alter table organizations add column accent text not null default '';               -- #rrggbb, or nothing

create table organization_logos (
  organization_id {ID} primary key references organizations (id),
  media           text not null check (media in ('image/png', 'image/jpeg', 'image/webp', 'image/svg+xml')),
  hash            {BYTES} not null,
  data            {BYTES} not null,
  changed_at      {INT} not null
) {STRICT};


-- Where a person has signed in before: guesses of others elsewhere do not keep the person out there. It proves nothing.
create table known_browsers (
  hash       {BYTES} not null,
  user_id    {ID} not null references users (id),
  user_epoch {INT} not null,
  seen_at    {INT} not null,
  primary key (hash, user_id)
) {STRICT};
create index known_browsers_user on known_browsers (user_id);
create index known_browsers_seen on known_browsers (seen_at);

-- Hashes that other systems made, until their people sign in. Nobody can tell who has one: the work of every cost that
-- stands here is done for everybody.
alter table passwords add column imported_cost text not null default '';
create index passwords_imported on passwords (imported_cost) where imported_cost <> '';
create table password_costs (
  cost text primary key
) {STRICT};
