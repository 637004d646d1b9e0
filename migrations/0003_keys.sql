-- Keys and indexes for a million people: every filter that asks for a value finds its members by an index.

-- Packages and grants know their organization, as contacts, functions and segments do. A column that is not null cannot be
-- added to rows on SQLite, so the rows are kept aside while the tables are made anew.
create temporary table kept_packages as
  select e.membership_id, m.organization_id, e.package_key from member_packages e join memberships m on m.id = e.membership_id;
drop table member_packages;
create table member_packages (
  membership_id   {ID} not null references memberships (id) on delete cascade,
  organization_id {ID} not null,
  package_key     text not null references packages (key),
  primary key (membership_id, package_key)
) {STRICT};
insert into member_packages (membership_id, organization_id, package_key)
  select membership_id, organization_id, package_key from kept_packages;
drop table kept_packages;
create index member_packages_package on member_packages (organization_id, package_key, membership_id);

create temporary table kept_grants as
  select e.membership_id, m.organization_id, e.module_key, e.grade from member_grants e join memberships m on m.id = e.membership_id;
drop table member_grants;
create table member_grants (
  membership_id   {ID} not null references memberships (id) on delete cascade,
  organization_id {ID} not null,
  module_key      text not null references modules (key),
  grade           text not null check (grade in ('none', 'view', 'edit')),
  primary key (membership_id, module_key)
) {STRICT};
insert into member_grants (membership_id, organization_id, module_key, grade)
  select membership_id, organization_id, module_key, grade from kept_grants;
drop table kept_grants;
create index member_grants_module on member_grants (organization_id, module_key, grade, membership_id);

create index member_segments_segment on member_segments (organization_id, segment_key, membership_id);

-- Whoever is in a group, and the groups that are in groups; the unique indexes know each of the three kinds alone.
create index group_members_in on group_members (group_id, member_id);
create index group_members_nested on group_members (organization_id) where child_group_id is not null;

-- Everybody, and everybody of a kind, counted from an index that is small because its values repeat.
create index memberships_kind on memberships (organization_id, kind) where deleted_at is null;

-- What only some members have costs nothing for the others. The conditions are those that filters say themselves.
drop index memberships_role;
create index memberships_role on memberships (role_id) where role_id is not null;
drop index memberships_manager;
create index memberships_manager on memberships (manager_id) where manager_id is not null;
create index memberships_successor on memberships (successor_id) where successor_id is not null;
create index memberships_end on memberships (organization_id, end_at) where end_at is not null and deleted_at is null;
create index memberships_perhaps_inactive on memberships (organization_id) where deleted_at is null and (archived_at is not null
  or ended_at is not null or end_at is not null or suspended_at is not null or accept_by is not null and accepted_at is null);

-- Texts that a later step indexes have at most 2000 bytes. Of a longer key its beginning is kept; the details have the whole.
update memberships set
  given_name_key = case when octet_length(given_name_key) > 2000
    then substr(given_name_key, 1, 500) else given_name_key end,
  formatted_name_key = case when octet_length(formatted_name_key) > 2000
    then substr(formatted_name_key, 1, 500) else formatted_name_key end,
  nick_name_key = case when octet_length(nick_name_key) > 2000
    then substr(nick_name_key, 1, 500) else nick_name_key end,
  title_key = case when octet_length(title_key) > 2000
    then substr(title_key, 1, 500) else title_key end,
  user_type_key = case when octet_length(user_type_key) > 2000
    then substr(user_type_key, 1, 500) else user_type_key end,
  locale_key = case when octet_length(locale_key) > 2000
    then substr(locale_key, 1, 500) else locale_key end,
  timezone_key = case when octet_length(timezone_key) > 2000
    then substr(timezone_key, 1, 500) else timezone_key end,
  preferred_language_key = case when octet_length(preferred_language_key) > 2000
    then substr(preferred_language_key, 1, 500) else preferred_language_key end,
  profile_url_key = case when octet_length(profile_url_key) > 2000
    then substr(profile_url_key, 1, 500) else profile_url_key end,
  employee_number_key = case when octet_length(employee_number_key) > 2000
    then substr(employee_number_key, 1, 500) else employee_number_key end,
  cost_center_key = case when octet_length(cost_center_key) > 2000
    then substr(cost_center_key, 1, 500) else cost_center_key end,
  company_key = case when octet_length(company_key) > 2000
    then substr(company_key, 1, 500) else company_key end,
  division_key = case when octet_length(division_key) > 2000
    then substr(division_key, 1, 500) else division_key end,
  department_key = case when octet_length(department_key) > 2000
    then substr(department_key, 1, 500) else department_key end,
  manager_text = case when octet_length(manager_text) > 2000
    then substr(manager_text, 1, 500) else manager_text end
where octet_length(given_name_key) > 2000
  or octet_length(formatted_name_key) > 2000
  or octet_length(nick_name_key) > 2000
  or octet_length(title_key) > 2000
  or octet_length(user_type_key) > 2000
  or octet_length(locale_key) > 2000
  or octet_length(timezone_key) > 2000
  or octet_length(preferred_language_key) > 2000
  or octet_length(profile_url_key) > 2000
  or octet_length(employee_number_key) > 2000
  or octet_length(cost_center_key) > 2000
  or octet_length(company_key) > 2000
  or octet_length(division_key) > 2000
  or octet_length(department_key) > 2000
  or octet_length(manager_text) > 2000;
