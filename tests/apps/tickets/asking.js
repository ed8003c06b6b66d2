// What is asked of others (`PARTNER_URL`): to send a mail, to stamp a text.

async function ask(path, text) {
  const answer = await fetch(`${process.env.PARTNER_URL}${path}`, { method: "POST", body: text });
  const said = await answer.text();
  if (!answer.ok) throw new Error(`${path} said ${answer.status}: ${said}`);
  return said;
}

module.exports = {
  mail: (text) => ask("/mails", text),
  stamp: (text) => ask("/stamps", text),
};
