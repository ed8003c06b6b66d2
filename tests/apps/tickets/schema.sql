CREATE TABLE users (
    id serial PRIMARY KEY,
    email text NOT NULL UNIQUE,
    name text NOT NULL,
    password text NOT NULL
);

CREATE TABLE projects (
    id serial PRIMARY KEY,
    name text NOT NULL,
    last_number integer NOT NULL
);

CREATE TABLE tickets (
    id serial PRIMARY KEY,
    project_id integer NOT NULL,
    number integer NOT NULL,
    author_id integer NOT NULL,
    assignee_id integer,
    status text NOT NULL,
    title text NOT NULL,
    body text NOT NULL,
    receipt text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE comments (
    id serial PRIMARY KEY,
    ticket_id integer NOT NULL,
    author_id integer NOT NULL,
    body text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- 2,000 users, of whom the first 200 answer tickets.
INSERT INTO users (email, name, password)
SELECT 'user' || n || '@desk.example', 'User ' || n, :password
FROM generate_series(1, 2000) AS n;

INSERT INTO projects (name, last_number)
SELECT 'Project ' || n, 10000 FROM generate_series(1, 20) AS n;

INSERT INTO tickets (project_id, number, author_id, assignee_id, status, title, body, created_at)
SELECT
    1 + n % 20,
    1 + n / 20,
    1 + (n * 7) % 1999,
    1 + (n * 11) % 199,
    CASE WHEN n % 500 = 7 THEN 'escalated'
        ELSE (ARRAY['open', 'pending', 'solved', 'closed', 'closed'])[1 + (n / 20) % 5] END,
    'The printer on floor ' || n % 30 || ' does not print',
    repeat('It worked before. ', 1 + n % 9),
    now() - (200000 - n) * interval '1 minute'
FROM generate_series(0, 199999) AS n;

INSERT INTO comments (ticket_id, author_id, body, created_at)
SELECT 1 + n / 5, 1 + (n * 13) % 1999, repeat('Did you try it again? ', 1 + n % 3),
    now() - (1000000 - n) * interval '12 seconds'
FROM generate_series(0, 999999) AS n;

CREATE UNIQUE INDEX tickets_project_number ON tickets (project_id, number);
CREATE INDEX tickets_assignee_created ON tickets (assignee_id, created_at DESC);
CREATE INDEX comments_ticket_created ON comments (ticket_id, created_at);

VACUUM ANALYZE;
