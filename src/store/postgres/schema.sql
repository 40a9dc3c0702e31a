-- Version 1 of what hosts share. Each version has a file of its own, which leads from the one before it.

-- A host is one process. Its lease has run out when it was not seen for a while.
CREATE TABLE host (
    id bigint PRIMARY KEY,
    name text NOT NULL,
    -- The state folder that it holds: whoever holds it now has outlived whoever held it before.
    place text NOT NULL,
    process bigint NOT NULL,
    workers integer NOT NULL,
    run text,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp());

CREATE VIEW live_host AS
    SELECT * FROM host WHERE seen_at > clock_timestamp() - interval '20 seconds';

CREATE TABLE job (
    id text PRIMARY KEY,
    list text NOT NULL,
    started_at bigint NOT NULL,
    forced boolean NOT NULL,
    open boolean NOT NULL,
    last_before bigint NOT NULL,
    -- US dollars that are spent, and those with what is set aside.
    spent numeric NOT NULL DEFAULT 0,
    committed numeric NOT NULL DEFAULT 0);

CREATE TABLE run (
    id text PRIMARY KEY,
    job text NOT NULL,
    list text NOT NULL,
    -- planning, working, closed
    phase text NOT NULL,
    -- The host that plans, writes into the sheet, and closes.
    lead bigint,
    started_at bigint NOT NULL,
    ended_at bigint,
    status text NOT NULL,
    ended_because text,
    total bigint NOT NULL DEFAULT 0,
    due bigint NOT NULL DEFAULT 0,
    succeeded bigint NOT NULL DEFAULT 0,
    failed bigint NOT NULL DEFAULT 0,
    skipped bigint NOT NULL DEFAULT 0,
    rejected bigint NOT NULL DEFAULT 0,
    usd numeric NOT NULL DEFAULT 0,
    -- What a brand was expected to cost when it was planned.
    price numeric NOT NULL DEFAULT 0,
    simulated boolean NOT NULL,
    -- Hashes of the names of all brands.
    names bytea);
CREATE INDEX run_open ON run (list) WHERE phase <> 'closed';

-- What happens to brands in a run, in its order.
CREATE SEQUENCE tick;

CREATE TABLE work (
    run text NOT NULL,
    position bigint NOT NULL,
    -- The brand's key in the list, and in the registry.
    brand text NOT NULL,
    key text NOT NULL,
    due text NOT NULL,
    -- waiting, claimed, success, failed
    state text NOT NULL DEFAULT 'waiting',
    host bigint,
    -- Which request of the host was answered with it.
    claim bigint,
    claimed_at timestamptz,
    outcome text,
    tick bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (run, position));
CREATE INDEX work_waiting ON work (run, position) WHERE state = 'waiting';
CREATE INDEX work_claimed ON work (run, brand) WHERE state = 'claimed';
CREATE INDEX work_tick ON work (run, tick) WHERE tick > 0;

CREATE TABLE response (
    id bigint GENERATED ALWAYS AS IDENTITY,
    hash bytea PRIMARY KEY,
    at bigint NOT NULL,
    rejected boolean NOT NULL,
    usd numeric NOT NULL,
    credits integer NOT NULL,
    body bytea NOT NULL,
    payer text);
CREATE INDEX response_id ON response (id);
CREATE INDEX response_age ON response (at);
-- Bodies come deflated.
ALTER TABLE response ALTER COLUMN body SET STORAGE EXTERNAL;

CREATE TABLE spending (
    -- Numbers of holds come from the hosts, so that one that is sent twice counts once.
    hold bigint PRIMARY KEY,
    id bigint GENERATED ALWAYS AS IDENTITY,
    job text NOT NULL,
    run text NOT NULL,
    host bigint NOT NULL,
    service text NOT NULL,
    hash bytea NOT NULL,
    at bigint NOT NULL,
    -- held, settled, released
    state text NOT NULL,
    held numeric NOT NULL,
    usd numeric,
    credits integer);
CREATE INDEX spending_id ON spending (id);
CREATE INDEX spending_held ON spending (hash) WHERE state = 'held';

CREATE TABLE reading (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    service text NOT NULL,
    at bigint NOT NULL,
    usd numeric NOT NULL,
    upto bigint NOT NULL);

CREATE TABLE fence (id integer PRIMARY KEY CHECK (id = 1), key bytea NOT NULL);

CREATE TABLE registry (
    key text PRIMARY KEY,
    list text NOT NULL,
    input_hash text NOT NULL,
    status text NOT NULL,
    updated_at bigint NOT NULL,
    cost numeric NOT NULL,
    -- The lower-cased name of the report's folder.
    folder text,
    entry text NOT NULL);
CREATE INDEX registry_folder ON registry (folder);

-- The last report of each brand, deflated, so that every host can make its pages.
CREATE TABLE report (
    key text PRIMARY KEY,
    folder text NOT NULL,
    hash bytea NOT NULL,
    body bytea NOT NULL);
ALTER TABLE report ALTER COLUMN body SET STORAGE EXTERNAL;

-- When the next request to a service may leave, whichever host sends it.
CREATE TABLE gate (name text PRIMARY KEY, next_at timestamptz NOT NULL);
