// Services of somebody else: `/mails` takes half a second, `/stamps` proves by a number that a text was there in time.
// `node partner.js`, with PORT.

const { createHash } = require("node:crypto");
const http = require("node:http");

const MS = { "/mails": 500, "/stamps": 40 };

http
  .createServer((request, response) => {
    const stamp = createHash("sha256").update(`${Date.now()}`);
    request.on("data", (part) => stamp.update(part));
    request.on("end", () => setTimeout(() => response.end(stamp.digest("hex")), MS[request.url]));
  })
  .listen(Number(process.env.PORT), "127.0.0.1");
