-- What machines prove themselves with.

alter table provisioning_tokens add column last_used_at {INT};  -- to the hour
alter table service_accounts add column jwks_uri text;          -- where the public keys are read; null: registered by value
