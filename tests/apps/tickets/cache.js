// Sessions and pages kept in Redis (`REDIS_URL`).

const { randomUUID } = require("node:crypto");
const Redis = require("ioredis");
const { isOn } = require("./faults");

const SESSION_SECONDS = 3600;
const PAGE_SECONDS = 10;

const redis = new Redis(process.env.REDIS_URL);

async function openSession(userId) {
  const token = randomUUID();
  await redis.set(`session:${token}`, userId, "EX", SESSION_SECONDS);
  return token;
}

async function sessionUser(token) {
  const found = token && (await redis.get(`session:${token}`));
  return found ? Number(found) : null;
}

async function cachedPage(key, render) {
  const kept = await redis.get(key);
  if (kept !== null) return kept;
  const page = await render();
  if (isOn("no_ttl")) await redis.set(key, page);
  else await redis.set(key, page, "EX", PAGE_SECONDS);
  return page;
}

module.exports = { openSession, sessionUser, cachedPage };
