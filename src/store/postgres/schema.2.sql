-- Version 2: what was spent, by stage and model; unknown of calls from before. Days and months are looked through for their caps.

ALTER TABLE spending ADD COLUMN stage text;
ALTER TABLE spending ADD COLUMN model text;
CREATE INDEX spending_at ON spending (at);
