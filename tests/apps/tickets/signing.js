// Slow hashes: of passwords, and of links for people without an account.

const { pbkdf2, pbkdf2Sync } = require("node:crypto");
const { promisify } = require("node:util");

const WORDS = ["tickets", 100_000, 24, "sha256"];

const hashed = promisify(pbkdf2);

module.exports = {
  sign: async (text) => (await hashed(text, ...WORDS)).toString("hex"),
  signNow: (text) => pbkdf2Sync(text, ...WORDS).toString("hex"),
};
