// The pool of connections to PostgreSQL (`DATABASE_URL`).

const { Pool } = require("pg");
const { isOn } = require("./faults");

const pool = new Pool({
  connectionString: process.env.DATABASE_URL,
  max: isOn("small_pool") ? 1 : 10,
});

async function rows(text, values) {
  return (await pool.query(text, values)).rows;
}

async function inTransaction(work) {
  const db = await pool.connect();
  try {
    await db.query("BEGIN");
    const result = await work(db);
    await db.query("COMMIT");
    return result;
  } catch (error) {
    await db.query("ROLLBACK");
    throw error;
  } finally {
    db.release();
  }
}

module.exports = { pool, rows, inTransaction };
