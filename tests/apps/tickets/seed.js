// Fills the database where it is empty, and gives the list of tickets its index, or takes it away: `node seed.js`.

const fs = require("node:fs");
const path = require("node:path");
const { pool, rows } = require("./db");
const { isOn } = require("./faults");
const { sign } = require("./signing");

async function seed() {
  const [{ found }] = await rows("SELECT to_regclass('tickets') AS found");
  if (found === null) {
    const text = fs.readFileSync(path.join(__dirname, "schema.sql"), "utf8");
    const sql = text.replace(":password", `'${await sign("tickets")}'`);
    // VACUUM wants to be alone.
    for (const statement of sql.split(";\n")) await pool.query(statement);
  }
  await pool.query(
    isOn("missing_index")
      ? "DROP INDEX IF EXISTS tickets_project_status_created"
      : `CREATE INDEX IF NOT EXISTS tickets_project_status_created
         ON tickets (project_id, status, created_at DESC)`,
  );
  await pool.end();
}

seed();
