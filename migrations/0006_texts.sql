-- Members are found by any of their texts. After 0003 and not in it: within the transaction that shortened a text
-- PostgreSQL would index what stood there before as well, and refuse.

create index memberships_manager_text on memberships (organization_id, manager_text) where manager_text is not null and deleted_at is null;
create index memberships_given_name on memberships (organization_id, given_name_key) where given_name_key <> '' and deleted_at is null;
create index memberships_formatted_name on memberships (organization_id, formatted_name_key) where formatted_name_key <> '' and deleted_at is null;
create index memberships_nick_name on memberships (organization_id, nick_name_key) where nick_name_key <> '' and deleted_at is null;
create index memberships_title on memberships (organization_id, title_key) where title_key <> '' and deleted_at is null;
create index memberships_user_type on memberships (organization_id, user_type_key) where user_type_key <> '' and deleted_at is null;
create index memberships_locale on memberships (organization_id, locale_key) where locale_key <> '' and deleted_at is null;
create index memberships_timezone on memberships (organization_id, timezone_key) where timezone_key <> '' and deleted_at is null;
create index memberships_preferred_language on memberships (organization_id, preferred_language_key)
  where preferred_language_key <> '' and deleted_at is null;
create index memberships_profile_url on memberships (organization_id, profile_url_key) where profile_url_key <> '' and deleted_at is null;
create index memberships_employee_number on memberships (organization_id, employee_number_key)
  where employee_number_key <> '' and deleted_at is null;
create index memberships_cost_center on memberships (organization_id, cost_center_key) where cost_center_key <> '' and deleted_at is null;
create index memberships_company on memberships (organization_id, company_key) where company_key <> '' and deleted_at is null;
create index memberships_division on memberships (organization_id, division_key) where division_key <> '' and deleted_at is null;
create index memberships_department on memberships (organization_id, department_key) where department_key <> '' and deleted_at is null;
