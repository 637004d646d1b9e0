-- What provisioning clients have asked lately, and why they were refused: for whoever administers the organization.

create table provisioning_request_logs (   -- one for each client that has called; whoever writes its requests holds the row
  client_id       {ID} primary key references provisioning_clients (id) on delete cascade,
  organization_id {ID} not null references organizations (id),
  missed          {INT} not null           -- requests that came faster than they are written
) {STRICT};
create index provisioning_request_logs_organization on provisioning_request_logs (organization_id);

create table provisioning_requests (       -- bounded for each client, by number and age; never a value that a client sent
  id              {ID} primary key,
  organization_id {ID} not null references organizations (id),
  client_id       {ID} not null references provisioning_clients (id) on delete cascade,
  at              {INT} not null,
  duration        {INT} not null,          -- microseconds
  request_id      text not null,           -- as in the history and in the access log
  method          text not null,
  path            text not null,           -- behind the organization's slug
  query           text not null,           -- its shape
  status          {INT} not null,
  refused         {BOOL} not null,         -- the status, or that of an operation, is an error's: these and the others are counted apart
  code            text not null,           -- SCIM's scimType
  reason          text not null,
  object          text not null,           -- identifier of the member or group
  changed         text not null,           -- JSON: names of attributes
  token_id        {ID},
  address         text not null,
  user_agent      text not null,
  shape           text not null,           -- of a refused body: names, types and lengths
  operations      {INT} not null,          -- of a bulk request
  failed          text not null            -- JSON: the first operations that were refused
) {STRICT};
create index provisioning_requests_newest on provisioning_requests (organization_id, at, id);
create index provisioning_requests_client on provisioning_requests (client_id, refused, at, id);
create index provisioning_requests_age on provisioning_requests (at);
