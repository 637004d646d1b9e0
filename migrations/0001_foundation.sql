-- What the whole installation shares.

create table watermarks (
  name    text primary key,
  version {INT} not null
) {STRICT};

create table leases (
  name   text primary key,
  holder text not null,
  until  {INT} not null
) {STRICT};

create table modules (
  key          text primary key,
  names        text not null,             -- JSON object: language → name
  self_service {BOOL} not null,
  position     {INT} not null
) {STRICT};

create table module_fields (
  module_key text not null references modules (key) on delete cascade,
  field      text not null,
  position   {INT} not null,
  primary key (module_key, field)
) {STRICT};

create table module_tools (
  module_key text not null references modules (key) on delete cascade,
  tool       text not null,
  position   {INT} not null,
  primary key (module_key, tool)
) {STRICT};

create table packages (
  key   text primary key,
  names text not null,
  base  {BOOL} not null
) {STRICT};

create table package_grants (
  package_key text not null references packages (key) on delete cascade,
  module_key  text not null references modules (key),
  grade       text not null check (grade in ('none', 'view', 'edit')),
  primary key (package_key, module_key)
) {STRICT};

-- Organizations.

create table organizations (
  id             {ID} primary key,
  slug           text not null unique,
  name           text not null,
  language       text not null,
  seats          {INT},                   -- null: unlimited
  second_factor  text not null check (second_factor in ('optional', 'required')),
  managed_by     {ID} references organizations (id),
  state          text not null check (state in ('active', 'suspended')),
  access_version {INT} not null,
  version        {INT} not null,
  created_at     {INT} not null,
  changed_at     {INT} not null
) {STRICT};
create index organizations_managed_by on organizations (managed_by);

create table organization_domains (
  domain          text primary key,       -- folded; verified by one organization at most
  organization_id {ID} not null references organizations (id),
  verified_at     {INT} not null
) {STRICT};
create index organization_domains_organization on organization_domains (organization_id);

create table organization_features (
  organization_id {ID} not null references organizations (id),
  feature         text not null,
  primary key (organization_id, feature)
) {STRICT};

create table segments (
  organization_id {ID} not null references organizations (id),
  key             text not null,
  name            text not null,
  position        {INT} not null,
  primary key (organization_id, key)
) {STRICT};

create table profiles (
  id              {ID} primary key,
  organization_id {ID} not null references organizations (id),
  key             text not null,
  name            text not null,
  unique (organization_id, key)
) {STRICT};

create table profile_modules (
  profile_id {ID} not null references profiles (id) on delete cascade,
  module_key text not null references modules (key),
  can_view   {BOOL} not null,
  can_create {BOOL} not null,
  can_edit   {BOOL} not null,
  can_delete {BOOL} not null,
  primary key (profile_id, module_key)
) {STRICT};

create table profile_fields (
  profile_id {ID} not null,
  module_key text not null,
  field      text not null,
  access     text not null check (access in ('hidden', 'read_only', 'editable')),
  primary key (profile_id, module_key, field),
  foreign key (profile_id, module_key) references profile_modules (profile_id, module_key) on delete cascade
) {STRICT};

create table profile_tools (
  profile_id {ID} not null,
  module_key text not null,
  tool       text not null,
  primary key (profile_id, module_key, tool),
  foreign key (profile_id, module_key) references profile_modules (profile_id, module_key) on delete cascade
) {STRICT};

create table roles (
  id              {ID} primary key,
  organization_id {ID} not null references organizations (id),
  key             text not null,
  name            text not null,
  parent_id       {ID} references roles (id),
  position        {INT} not null,
  unique (organization_id, key)
) {STRICT};
create index roles_parent on roles (parent_id);

create table role_profiles (
  role_id    {ID} not null references roles (id) on delete cascade,
  profile_id {ID} not null references profiles (id),
  primary key (role_id, profile_id)
) {STRICT};
create index role_profiles_profile on role_profiles (profile_id);

-- People.

create table users (
  id                   {ID} primary key,
  email                text not null,     -- as the person writes it
  email_key            text not null unique,
  email_verified_at    {INT},
  home_organization_id {ID} references organizations (id),
  state                text not null check (state in ('active', 'disabled', 'erased')),
  operator             {BOOL} not null,
  details              text not null,     -- JSON of the person's own details; opaque, never searched
  epoch                {INT} not null,    -- sessions and tokens made under another epoch are dead
  credentials_epoch    {INT} not null,    -- credentials made under another one are void
  version              {INT} not null,
  created_at           {INT} not null,
  changed_at           {INT} not null
) {STRICT};
create index users_home on users (home_organization_id);

create table provisioning_clients (
  id              {ID} primary key,
  organization_id {ID} not null references organizations (id),
  name            text not null,
  quirks          text not null,
  may_users       {BOOL} not null,
  may_groups      {BOOL} not null,
  may_access      {BOOL} not null,
  may_administrators {BOOL} not null,
  disabled_at     {INT},
  created_at      {INT} not null,
  unique (organization_id, name)
) {STRICT};

create table provisioning_tokens (
  hash            {BYTES} primary key,
  client_id       {ID} not null references provisioning_clients (id),
  organization_id {ID} not null references organizations (id),
  created_at      {INT} not null,
  expires_at      {INT},
  revoked_at      {INT}
) {STRICT};
create index provisioning_tokens_client on provisioning_tokens (client_id);

create table memberships (
  id                     {ID} primary key,
  organization_id        {ID} not null references organizations (id),
  user_id                {ID} references users (id),  -- null: a person without user
  kind                   text not null check (kind in ('employee', 'external', 'limited', 'contact', 'reseller')),
  start_at               {INT} not null,
  end_at                 {INT},
  accepted_at            {INT},
  suspended_at           {INT},
  ended_at               {INT},           -- ended by somebody, whatever end_at says
  end_announced_at       {INT},
  deleted_at             {INT},           -- for SCIM gone for good
  archived_at            {INT},
  administrator          {BOOL} not null,
  role_id                {ID} references roles (id),
  all_segments           {BOOL} not null,
  user_name              text not null,   -- the organization's own name for the member
  user_name_key          text not null,
  external_id            text,
  provisioning_client_id {ID} references provisioning_clients (id),
  manager_id             {ID} references memberships (id),
  manager_text           text,            -- a manager that some systems name by a word of their own
  successor_id           {ID} references memberships (id),
  details                text not null,   -- JSON of the details as this organization sees them; opaque
  given_name_key         text not null,
  family_name_key        text not null,
  display_name_key       text not null,
  formatted_name_key     text not null,
  nick_name_key          text not null,
  title_key              text not null,
  user_type_key          text not null,
  locale_key             text not null,
  timezone_key           text not null,
  preferred_language_key text not null,
  profile_url_key        text not null,
  employee_number_key    text not null,
  cost_center_key        text not null,
  company_key            text not null,   -- enterprise "organization"
  division_key           text not null,
  department_key         text not null,
  epoch                  {INT} not null,
  version                {INT} not null,
  created_at             {INT} not null,
  changed_at             {INT} not null
) {STRICT};
-- One membership of a person in an organization at a time; an ended one makes room by being announced.
create unique index memberships_one_at_a_time on memberships (organization_id, user_id)
  where user_id is not null and end_announced_at is null and deleted_at is null;
create unique index memberships_user_name on memberships (organization_id, user_name_key) where deleted_at is null;
create unique index memberships_external_id on memberships (organization_id, provisioning_client_id, external_id)
  where deleted_at is null and external_id is not null;
create index memberships_by_external_id on memberships (organization_id, external_id);
create index memberships_user on memberships (user_id);
create index memberships_created on memberships (organization_id, created_at, id);
create index memberships_family_name on memberships (organization_id, family_name_key, id);
create index memberships_display_name on memberships (organization_id, display_name_key, id);
create index memberships_manager on memberships (manager_id);
create index memberships_role on memberships (role_id);
create index memberships_ending on memberships (end_at) where end_at is not null and end_announced_at is null;
create index memberships_administrators on memberships (organization_id) where administrator = true and deleted_at is null;

create table member_contacts (            -- e-mails, telephone numbers and the like, one row each
  membership_id   {ID} not null references memberships (id) on delete cascade,
  organization_id {ID} not null,
  kind            text not null check (kind in ('email', 'phone', 'photo', 'im')),
  position        {INT} not null,
  value           text not null,
  value_key       text not null,
  type            text not null,          -- work, home, … ; lower case
  display         text not null,
  is_primary      {BOOL} not null,
  primary key (membership_id, kind, position)
) {STRICT};
create index member_contacts_value on member_contacts (organization_id, kind, value_key);

create table member_packages (
  membership_id {ID} not null references memberships (id) on delete cascade,
  package_key   text not null references packages (key),
  primary key (membership_id, package_key)
) {STRICT};

create table member_grants (
  membership_id {ID} not null references memberships (id) on delete cascade,
  module_key    text not null references modules (key),
  grade         text not null check (grade in ('none', 'view', 'edit')),
  primary key (membership_id, module_key)
) {STRICT};

create table member_functions (
  organization_id {ID} not null references organizations (id),
  function        text not null check (function in ('information_recipient', 'invoice_recipient', 'main_recipient')),
  membership_id   {ID} not null references memberships (id) on delete cascade,
  primary key (membership_id, function)
) {STRICT};
create unique index member_functions_single on member_functions (organization_id, function)
  where function in ('invoice_recipient', 'main_recipient');

create table member_segments (
  membership_id   {ID} not null references memberships (id) on delete cascade,
  organization_id {ID} not null,
  segment_key     text not null,
  primary key (membership_id, segment_key),
  foreign key (organization_id, segment_key) references segments (organization_id, key)
) {STRICT};

create table groups (
  id              {ID} primary key,
  organization_id {ID} not null references organizations (id),
  key             text not null,
  name            text not null,
  name_key        text not null,
  external_id     text,
  version         {INT} not null,
  created_at      {INT} not null,
  changed_at      {INT} not null,
  unique (organization_id, key),
  unique (organization_id, name_key)
) {STRICT};

create table group_members (              -- exactly one of the three is set
  group_id        {ID} not null references groups (id) on delete cascade,
  organization_id {ID} not null,
  member_id       {ID} references memberships (id) on delete cascade,
  child_group_id  {ID} references groups (id) on delete cascade,
  role_id         {ID} references roles (id) on delete cascade,
  with_below      {BOOL} not null
) {STRICT};
create unique index group_members_member on group_members (group_id, member_id) where member_id is not null;
create unique index group_members_group on group_members (group_id, child_group_id) where child_group_id is not null;
create unique index group_members_role on group_members (group_id, role_id, with_below) where role_id is not null;
create index group_members_of_member on group_members (member_id);
create index group_members_of_group on group_members (child_group_id);
create index group_members_of_role on group_members (role_id);

create table sharing_defaults (
  organization_id {ID} not null references organizations (id),
  module_key      text not null references modules (key),
  level           text not null check (level in ('private', 'public_read', 'public_read_write', 'public_full')),
  primary key (organization_id, module_key)
) {STRICT};

create table sharing_rules (
  id              {ID} primary key,
  organization_id {ID} not null references organizations (id),
  module_key      text not null references modules (key),
  from_role_id    {ID} references roles (id),
  from_below      {BOOL} not null,
  from_group_id   {ID} references groups (id),
  to_role_id      {ID} references roles (id),
  to_below        {BOOL} not null,
  to_group_id     {ID} references groups (id),
  access          text not null check (access in ('read', 'read_write'))
) {STRICT};
create index sharing_rules_organization on sharing_rules (organization_id);

create table service_accounts (
  id              {ID} primary key,
  organization_id {ID} not null references organizations (id),
  key             text not null,
  name            text not null,
  client_id       text not null unique,
  secret_hash     {BYTES} not null,
  disabled_at     {INT},
  created_at      {INT} not null,
  unique (organization_id, key)
) {STRICT};

-- Applications.

create table applications (
  id                {ID} primary key,
  client_id         text not null unique,
  organization_id   {ID} references organizations (id),  -- null: the installation's own
  name              text not null,
  all_organizations {BOOL} not null,
  disabled_at       {INT},
  metadata          text not null,        -- JSON, RFC 7591 names; opaque
  version           {INT} not null,
  created_at        {INT} not null,
  changed_at        {INT} not null
) {STRICT};

create table application_secrets (
  application_id {ID} not null references applications (id),
  hash           {BYTES} not null,
  created_at     {INT} not null,
  expires_at     {INT},
  primary key (application_id, hash)
) {STRICT};

create table application_organizations (
  application_id  {ID} not null references applications (id),
  organization_id {ID} not null references organizations (id),
  primary key (application_id, organization_id)
) {STRICT};

-- Signing in.

create table signing_keys (
  kid          text primary key,
  algorithm    text not null,
  state        text not null check (state in ('next', 'current', 'retired')),
  private_key  {BYTES} not null,          -- sealed by the master key
  public_jwk   text not null,
  created_at   {INT} not null,
  activated_at {INT},
  retired_at   {INT}
) {STRICT};
create unique index signing_keys_one_current on signing_keys (algorithm) where state = 'current';
create unique index signing_keys_one_next on signing_keys (algorithm) where state = 'next';

create table passwords (
  user_id     {ID} primary key references users (id),
  hash        text not null,
  must_change {BOOL} not null,
  credentials_epoch {INT} not null,
  changed_at  {INT} not null
) {STRICT};

create table totp_secrets (
  user_id     {ID} primary key references users (id),
  secret      {BYTES} not null,           -- sealed by the master key
  last_step   {INT} not null,
  credentials_epoch {INT} not null,
  created_at  {INT} not null
) {STRICT};

create table attempts (
  scope         text not null,
  key           {BYTES} not null,
  failures      {INT} not null,
  window_ends   {INT} not null,
  primary key (scope, key)
) {STRICT};
create index attempts_window on attempts (window_ends);

create table sessions (
  id               {ID} primary key,
  hash             {BYTES} not null unique,
  user_id          {ID} not null references users (id),
  user_epoch       {INT} not null,
  acr              text not null,
  amr              text not null,
  authenticated_at {INT} not null,
  seen_at          {INT} not null,
  expires_at       {INT} not null,
  ended_at         {INT},
  address          text not null,
  user_agent       text not null,
  created_at       {INT} not null
) {STRICT};
create index sessions_user on sessions (user_id);
create index sessions_expiry on sessions (expires_at);

create table session_organizations (      -- the row's id is the sid
  id               {ID} primary key,
  session_id       {ID} not null references sessions (id) on delete cascade,
  organization_id  {ID} not null,
  membership_id    {ID} not null references memberships (id),
  membership_epoch {INT} not null,
  ended_at         {INT},
  created_at       {INT} not null
) {STRICT};
create unique index session_organizations_one on session_organizations (session_id, membership_id, membership_epoch);
create index session_organizations_membership on session_organizations (membership_id);

create table session_applications (       -- who must be told when the sid ends; also the organization remembered for an application
  sid            {ID} not null references session_organizations (id) on delete cascade,
  session_id     {ID} not null references sessions (id) on delete cascade,
  application_id {ID} not null references applications (id),
  used_at        {INT} not null,
  told_at        {INT},
  primary key (sid, application_id)
) {STRICT};
create index session_applications_session on session_applications (session_id, application_id);

create table interactions (
  id              {ID} primary key,
  browser_hash    {BYTES} not null,
  application_id  {ID} references applications (id),
  request         text not null,          -- JSON of the checked protocol request; opaque here
  needs           text not null,          -- JSON of what the request demands of the sign-in
  state           text not null,          -- JSON of what has been proven so far
  user_id         {ID} references users (id),
  session_id      {ID} references sessions (id),
  version         {INT} not null,
  created_at      {INT} not null,
  expires_at      {INT} not null,
  done_at         {INT}
) {STRICT};
create index interactions_expiry on interactions (expires_at);
create index interactions_browser on interactions (browser_hash);

create table consents (
  user_id        {ID} not null references users (id),
  application_id {ID} not null references applications (id),
  organization_id {ID} not null,
  scope          text not null,           -- one row a scope value
  given_at       {INT} not null,
  primary key (user_id, application_id, organization_id, scope)
) {STRICT};

create table account_links (
  hash           {BYTES} primary key,
  user_id        {ID} not null references users (id),
  purpose        text not null check (purpose in ('setup', 'reset')),
  membership_id  {ID} references memberships (id),
  interaction_id {ID},
  email_key      text not null,
  created_at     {INT} not null,
  expires_at     {INT} not null,
  used_at        {INT},
  voided_at      {INT}
) {STRICT};
create index account_links_user on account_links (user_id);
create index account_links_expiry on account_links (expires_at);

create table token_families (
  id               {ID} primary key,
  application_id   {ID} not null references applications (id),
  user_id          {ID} not null references users (id),
  user_epoch       {INT} not null,
  organization_id  {ID} not null,
  membership_id    {ID} not null references memberships (id),
  membership_epoch {INT} not null,
  session_id       {ID},
  sid              {ID} not null,
  offline          {BOOL} not null,
  scope            text not null,
  nonce            text not null,
  acr              text not null,
  amr              text not null,
  authenticated_at {INT} not null,
  generation       {INT} not null,
  rotated_at       {INT},
  created_at       {INT} not null,
  idle_until       {INT} not null,
  expires_at       {INT} not null,
  ended_at         {INT}
) {STRICT};
create index token_families_membership on token_families (membership_id);
create index token_families_session on token_families (session_id);
create index token_families_user on token_families (user_id);
create index token_families_expiry on token_families (expires_at);

create table authorization_codes (
  hash             {BYTES} primary key,
  application_id   {ID} not null references applications (id),
  redirect_uri     text not null,
  redirect_uri_sent {BOOL} not null,
  challenge        text not null,
  user_id          {ID} not null references users (id),
  user_epoch       {INT} not null,
  organization_id  {ID} not null,
  membership_id    {ID} not null references memberships (id),
  membership_epoch {INT} not null,
  session_id       {ID} not null,
  sid              {ID} not null,
  scope            text not null,
  nonce            text not null,
  acr              text not null,
  amr              text not null,
  authenticated_at {INT} not null,
  family_id        {ID} not null,         -- fixed at issue, so that a replay can end what the first redemption made
  created_at       {INT} not null,
  expires_at       {INT} not null,
  used_at          {INT}
) {STRICT};
create index authorization_codes_expiry on authorization_codes (expires_at);

create table revoked_tokens (
  jti        text primary key,
  expires_at {INT} not null
) {STRICT};
create index revoked_tokens_expiry on revoked_tokens (expires_at);

-- What happened, and what must still be told.

create table audit_entries (
  id              {ID} primary key,
  organization_id {ID},
  at              {INT} not null,
  actor_kind      text not null,
  actor_id        text not null,
  action          text not null,
  object          text not null,          -- the outside id of what was changed
  detail          text not null,          -- JSON without secrets and personal values
  request_id      text not null,
  address         text not null
) {STRICT};
create index audit_entries_organization on audit_entries (organization_id, at, id);
create index audit_entries_object on audit_entries (object, at);

create table events (
  id              {ID} primary key,
  kind            text not null,
  organization_id {ID},
  subject         text not null,
  data            text not null,          -- JSON
  at              {INT} not null,
  dispatched_at   {INT}
) {STRICT};
create index events_waiting on events (id) where dispatched_at is null;
create index events_dispatched on events (dispatched_at) where dispatched_at is not null;

create table deliveries (
  event_id     {ID} not null references events (id) on delete cascade,
  subscriber   text not null,
  attempts     {INT} not null,
  due_at       {INT} not null,
  leased_by    text,
  leased_until {INT},
  done_at      {INT},
  given_up_at  {INT},
  last_error   text,
  primary key (event_id, subscriber)
) {STRICT};
create index deliveries_waiting on deliveries (due_at) where done_at is null and given_up_at is null;
create index deliveries_given_up on deliveries (given_up_at) where given_up_at is not null;

create table captured_mail (              -- under --dev alone
  id        {ID} primary key,
  recipient text not null,
  subject   text not null,
  text_body text not null,
  html_body text not null,
  at        {INT} not null
) {STRICT};
