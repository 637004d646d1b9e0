-- The access model: what applications are told of it, and recalculation.

create table claim_mappings (             -- how an application wants to be told of access; without a row: as it is
  application_id {ID} not null references applications (id) on delete cascade,
  position       {INT} not null,
  source         text not null,           -- roles, role_path, groups, entitlements, profiles, functions, segments
  name           text not null,           -- of the claim or attribute; empty: left out
  prefix         text not null,           -- before each value
  chosen         text not null,           -- JSON list of the values to tell; empty list: all
  primary key (application_id, position)
) {STRICT};

create table recalculations (             -- asked for by somebody; a node carries it out and notes how far it is (R17)
  id              {ID} primary key,
  organization_id {ID} not null references organizations (id),
  asked_at        {INT} not null,
  started_at      {INT},
  finished_at     {INT},
  done            {INT} not null,
  total           {INT} not null,
  version         {INT} not null,         -- of the access model afterwards
  drifts          {INT} not null,         -- how often the running snapshot said otherwise than the rows
  drift           text not null           -- JSON list of the first of them
) {STRICT};
-- One waits at a time for each organization: whoever asks meanwhile gets the same.
create unique index recalculations_waiting on recalculations (organization_id) where started_at is null;
create index recalculations_organization on recalculations (organization_id, id);
create index recalculations_open on recalculations (id) where finished_at is null;

-- The whole of a group, and of all groups, without a look at everybody else's.
create index group_members_organization on group_members (organization_id, group_id);
