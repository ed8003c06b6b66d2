// The mail service of somebody else: takes a fifth of a second for a mail. `node partner.js`, with PORT.

const http = require("node:http");

const SLOW_MS = 200;

http
  .createServer((request, response) => {
    request.resume();
    setTimeout(() => response.writeHead(202).end(), SLOW_MS);
  })
  .listen(Number(process.env.PORT), "127.0.0.1");
