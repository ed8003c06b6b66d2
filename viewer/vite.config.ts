// Builds the viewer into one HTML file that names the hash of its only script. Knows nothing of what the page shows.

import { createHash } from "node:crypto";
import { defineConfig, type Plugin } from "vite";

/** Puts script and styles into the page, and the script's hash into its policy. */
function oneFile(): Plugin {
  return {
    name: "one-file",
    enforce: "post",
    generateBundle(_, bundle) {
      const page = bundle["index.html"];
      if (page?.type !== "asset") throw new Error("there is no index.html");
      let script = "";
      let style = "";
      for (const [name, file] of Object.entries(bundle)) {
        if (file === page) continue;
        if (file.type === "chunk") script += file.code;
        else if (name.endsWith(".css")) style += String(file.source);
        else throw new Error(`${name} cannot be put into the page`);
        delete bundle[name];
      }
      script = script.replaceAll("</script", "<\\/script").replaceAll("<!--", "<\\!--");
      const hash = createHash("sha256").update(script).digest("base64");
      const put = (html: string, what: RegExp, by: string) => {
        if (!what.test(html)) throw new Error(`index.html lacks ${what}`);
        return html.replace(what, () => by);
      };
      let html = String(page.source);
      html = put(html, /\s*<link rel="stylesheet"[^>]*>/, `\n<style>${style}</style>`);
      html = put(html, /\s*<script type="module"[^>]*><\/script>/, "");
      html = put(html, /<!--script-->/, `<script type="module">${script}</script>`);
      page.source = put(html, /SCRIPT-HASH/, `sha256-${hash}`);
    },
  };
}

export default defineConfig({
  build: {
    modulePreload: false,
    assetsInlineLimit: 0,
    target: "es2022",
    reportCompressedSize: false,
  },
  plugins: [oneFile()],
});
