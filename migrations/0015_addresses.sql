-- Members are found by their postal addresses. What is shown of them stands in their details.

create table member_addresses (             -- the folded parts of each address; '' where a part is absent
  membership_id   {ID} not null references memberships (id) on delete cascade,
  organization_id {ID} not null,
  position        {INT} not null,
  formatted_key   text not null,
  street_key      text not null,
  locality_key    text not null,
  region_key      text not null,
  postal_code_key text not null,
  country_key     text not null,
  type_key        text not null,
  is_primary      {BOOL} not null,
  primary key (membership_id, position)
) {STRICT};
create index member_addresses_locality on member_addresses (organization_id, locality_key);
create index member_addresses_postal_code on member_addresses (organization_id, postal_code_key);

-- Those who have addresses already: the program folds them when it starts (directory.FoldNames).
insert into memberships_to_fold (membership_id)
  select id from memberships where details like '%"addresses":%' on conflict do nothing;
