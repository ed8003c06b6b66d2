// A project: its tickets by status, its overview, who has how much to do, a new ticket.

const { stamp } = require("./asking");
const { cachedPage } = require("./cache");
const { inTransaction, rows } = require("./db");
const { isOn } = require("./faults");

const PAGE = 30;

function list({ id, query }) {
  return rows(
    `SELECT id, number, title, created_at, updated_at
     FROM tickets
     WHERE project_id = $1 AND status = $2
     ORDER BY created_at DESC
     LIMIT $3`,
    [id, query.get("status") ?? "open", PAGE],
  );
}

async function workload({ id }) {
  const [assignees, authors, weeks] = await Promise.all([
    rows(
      `SELECT assignee_id, count(*)::int AS tickets, min(created_at) AS oldest
       FROM tickets
       WHERE project_id = $1 AND status IN ('pending', 'escalated')
       GROUP BY assignee_id
       ORDER BY tickets DESC
       LIMIT 10`,
      [id],
    ),
    rows(
      `SELECT author_id, count(*)::int AS tickets
       FROM tickets
       WHERE project_id = $1 AND status = 'open'
       GROUP BY author_id
       ORDER BY tickets DESC
       LIMIT 10`,
      [id],
    ),
    rows(
      `SELECT date_trunc('week', created_at) AS week, avg(length(body))::int AS length
       FROM tickets
       WHERE project_id = $1 AND status = 'solved'
       GROUP BY week
       ORDER BY week DESC
       LIMIT 10`,
      [id],
    ),
  ]);
  return { assignees, authors, weeks };
}

async function overview({ id, user }) {
  const [project] = await rows("SELECT name, last_number FROM projects WHERE id = $1", [id]);
  return cachedPage(`overview:${id}:${user}:${project.last_number}`, async () => {
    const newest = await rows(
      `SELECT number, status, title, body FROM tickets WHERE project_id = $1 ORDER BY number DESC LIMIT 100`,
      [id],
    );
    const items = newest.map(
      (ticket) =>
        `<article class="ticket ${ticket.status}"><h2>#${ticket.number} ${ticket.title}</h2><p>${ticket.body}</p></article>`,
    );
    return `<!doctype html><title>${project.name}</title><main>${items.join("\n")}</main>`;
  });
}

async function nextNumber(db, project) {
  const { rows: changed } = await db.query(
    "UPDATE projects SET last_number = last_number + 1 WHERE id = $1 RETURNING last_number",
    [project],
  );
  return changed[0].last_number;
}

async function insert(db, project, number, user, { title, body }, receipt) {
  const { rows: added } = await db.query(
    `INSERT INTO tickets (project_id, number, author_id, status, title, body, receipt)
     VALUES ($1, $2, $3, 'open', $4, $5, $6)
     RETURNING id, number, receipt`,
    [project, number, user, title, body, receipt],
  );
  return added[0];
}

async function open({ id, user, body }) {
  if (isOn("row_lock")) {
    return inTransaction(async (db) => {
      const number = await nextNumber(db, id);
      const receipt = await stamp(`${id}/${number}/${body.title}`);
      return insert(db, id, number, user, body, receipt);
    });
  }
  const receipt = await stamp(`${id}/${user}/${body.title}`);
  return inTransaction(async (db) => insert(db, id, await nextNumber(db, id), user, body, receipt));
}

module.exports = { list, workload, overview, open };
