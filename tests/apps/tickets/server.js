// The help desk over HTTP: `node --require ./tracing.js server.js`, with PORT, DATABASE_URL, REDIS_URL, PARTNER_URL and FAULTS.

const http = require("node:http");
const { openSession, sessionUser } = require("./cache");
const { rows } = require("./db");
const projects = require("./projects");
const { sign } = require("./signing");
const tickets = require("./tickets");

const ROUTES = [
  ["GET", /^\/inbox$/, tickets.inbox],
  ["GET", /^\/projects\/(\d+)$/, projects.overview],
  ["GET", /^\/projects\/(\d+)\/workload$/, projects.workload],
  ["GET", /^\/projects\/(\d+)\/tickets$/, projects.list],
  ["POST", /^\/projects\/(\d+)\/tickets$/, projects.open],
  ["GET", /^\/tickets\/(\d+)$/, tickets.page],
  ["GET", /^\/tickets\/(\d+)\/label$/, tickets.label],
  ["GET", /^\/tickets\/(\d+)\/share$/, tickets.share],
  ["POST", /^\/tickets\/(\d+)\/comments$/, tickets.comment],
];

async function login({ email, password }) {
  const [user] = await rows("SELECT id, password FROM users WHERE email = $1", [email]);
  if (user?.password !== (await sign(password))) return [401, { error: "who are you?" }];
  return [200, { id: user.id, token: await openSession(user.id) }];
}

async function bodyOf(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return parts.length > 0 ? JSON.parse(Buffer.concat(parts)) : {};
}

async function answer(request) {
  const { pathname, searchParams: query } = new URL(request.url, "http://desk");
  const body = await bodyOf(request);
  if (request.method === "POST" && pathname === "/login") return login(body);
  const user = await sessionUser(request.headers["x-token"]);
  if (user === null) return [401, { error: "log in first" }];
  for (const [method, pattern, handle] of ROUTES) {
    const match = request.method === method && pattern.exec(pathname);
    if (!match) continue;
    const found = await handle({ id: Number(match[1]), query, user, body });
    return found === null ? [404, { error: "not found" }] : [200, found];
  }
  return [404, { error: "not found" }];
}

http
  .createServer(async (request, response) => {
    let [status, found] = [500, { error: "our fault" }];
    try {
      [status, found] = await answer(request);
    } catch (error) {
      console.error(error);
    }
    const isRaw = typeof found === "string" || Buffer.isBuffer(found);
    response.writeHead(status, { "content-type": isRaw ? "text/html" : "application/json" });
    response.end(isRaw ? found : JSON.stringify(found));
  })
  .listen(Number(process.env.PORT), "127.0.0.1");
