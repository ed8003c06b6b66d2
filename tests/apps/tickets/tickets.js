// A ticket: its page, its label for the printer, a link to share it, a comment; and the tickets of who asks.

const { createHash } = require("node:crypto");
const { promisify } = require("node:util");
const deflate = promisify(require("node:zlib").deflate);
const { mail } = require("./asking");
const { inTransaction, rows } = require("./db");
const { isOn } = require("./faults");
const { sign, signNow } = require("./signing");

const PAGE = 30;

async function inbox({ user }) {
  const tickets = await rows(
    `SELECT id, title, status, author_id, created_at
     FROM tickets
     WHERE assignee_id = $1
     ORDER BY created_at DESC
     LIMIT $2`,
    [user, PAGE],
  );
  const authors = await authorsOf(tickets);
  return tickets.map((ticket) => ({ ...ticket, author: authors.get(ticket.author_id) }));
}

async function authorsOf(tickets) {
  const authors = new Map();
  if (isOn("n_plus_one")) {
    for (const { author_id: id } of tickets) {
      const [author] = await rows("SELECT id, name, email FROM users WHERE id = $1", [id]);
      authors.set(id, author);
    }
    return authors;
  }
  const ids = tickets.map((ticket) => ticket.author_id);
  for (const author of await rows("SELECT id, name, email FROM users WHERE id = ANY($1)", [ids])) {
    authors.set(author.id, author);
  }
  return authors;
}

async function page({ id }) {
  const [ticket] = await rows(
    `SELECT t.*, u.name AS author FROM tickets t JOIN users u ON u.id = t.author_id WHERE t.id = $1`,
    [id],
  );
  if (!ticket) return null;
  const comments = await rows(
    `SELECT c.id, c.body, c.created_at, u.name AS author
     FROM comments c
     JOIN users u ON u.id = c.author_id
     WHERE c.ticket_id = $1
     ORDER BY c.created_at DESC
     LIMIT 5`,
    [id],
  );
  return { ...ticket, comments };
}

async function comment({ id, user, body }) {
  const added = await inTransaction(async (db) => {
    const { rows: made } = await db.query(
      "INSERT INTO comments (ticket_id, author_id, body) VALUES ($1, $2, $3) RETURNING id",
      [id, user, body.body],
    );
    await db.query("UPDATE tickets SET updated_at = now() WHERE id = $1", [id]);
    if (isOn("connection_held")) await mail(body.body);
    return made[0];
  });
  // Nobody waits for a mail.
  if (!isOn("connection_held")) mail(body.body).catch((error) => console.error(error.message));
  return added;
}

async function share({ id, user }) {
  const text = `${id}/${user}`;
  const signature = isOn("blocking_call") ? signNow(text) : await sign(text);
  return { link: `/public/${id}?signature=${signature}` };
}

const DOTS = 1024;
const CELLS = 32;
const LABELS = 20;
const labels = new Map();

async function label({ id }) {
  let dots = labels.get(id);
  if (dots === undefined) {
    dots = draw(id);
    labels.set(id, dots);
    if (!isOn("memory_leak") && labels.size > LABELS) labels.delete(labels.keys().next().value);
  }
  return deflate(dots, { level: 1 });
}

function draw(id) {
  const cell = DOTS / CELLS;
  const dots = Buffer.alloc(DOTS * DOTS, 255);
  for (let row = 0; row < CELLS; row++) {
    const bits = createHash("sha256").update(`${id}/${row}`).digest();
    for (let column = 0; column < CELLS; column++) {
      if (bits[column] & 1) continue;
      for (let y = row * cell; y < (row + 1) * cell; y++) {
        dots.fill(0, y * DOTS + column * cell, y * DOTS + (column + 1) * cell);
      }
    }
  }
  return dots;
}

module.exports = { inbox, page, comment, share, label };
