// A slow line, and a slow machine: a page comes in pieces, its style sheets late, its scripts last. Each
// piece is drawn before the next one comes.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request } from "node:http";

// Into how many pieces the page is cut. More find little more.
const PIECES = 12;

// In front of a house. `release` lets the next piece of the page go. Browsers that know `rel=expect` draw a
// page when it is whole; with `unfinished` it is drawn as far as it has come, as others do.
export class SlowLine {
  static async open(house, { unfinished = false } = {}) {
    const it = new SlowLine();
    it.unfinished = unfinished;
    it.house = new URL(house.url);
    it.server = createServer((asked, answer) => it.pass(asked, answer)).listen(0, "127.0.0.1");
    await once(it.server, "listening");
    it.url = `http://127.0.0.1:${it.server.address().port}`;
    return it;
  }

  // Fetches the page, and waits with every piece until it is asked for.
  pass(asked, answer) {
    // Compressed, it could not be cut between its elements.
    const headers = { ...asked.headers, host: this.house.host, "accept-encoding": "identity" };
    const { method, url: path } = asked;
    const onward = request({ host: this.house.hostname, port: this.house.port, method, path, headers }, async (got) => {
      const { "content-length": _, ...fields } = got.headers;
      answer.writeHead(got.statusCode, fields);
      if (!fields["content-type"]?.startsWith("text/html")) { got.pipe(answer); return; }
      let html = "";
      for await (const chunk of got.setEncoding("utf8")) html += chunk;
      this.pieces = cut(this.unfinished ? html.replace(/<link rel="expect"[^>]*>/, "") : html);
      this.piece = 0;
      this.answer = answer;
      this.release();
    });
    onward.on("error", () => answer.destroy());
    answer.on("close", () => onward.destroy());
    asked.pipe(onward);
  }

  release() {
    this.answer.write(this.pieces[this.piece]);
    this.piece += 1;
    if (this.piece === this.pieces.length) this.answer.end();
  }

  close() {
    this.server.closeAllConnections();
    this.server.close();
  }
}

// A comment ends each piece: it is drawn nowhere, and tells that the piece has come.
function cut(html) {
  const body = html.indexOf("<body");
  const pieces = [];
  let from = 0;
  for (let at = 1; at < PIECES; at += 1) {
    const to = html.indexOf("<", body + Math.floor(((html.length - body) * at) / PIECES));
    // Not within a text field, where a comment would be text.
    if (to <= from || html.lastIndexOf("<textarea", to - 1) > html.lastIndexOf("</textarea", to - 1)) continue;
    pieces.push(`${html.slice(from, to)}<!--piece ${pieces.length}-->`);
    from = to;
  }
  pieces.push(html.slice(from));
  return pieces;
}

// Opens a page so that everything comes as late as it can.
export async function openSlowly(page, line, path) {
  const held = { css: gate(), js: gate() };
  await page.route(/\/assets\/.*\.(css|js)/, async (route) => {
    await held[new URL(route.request().url()).pathname.endsWith(".css") ? "css" : "js"].opened;
    await route.continue();
  });
  await page.goto(line.url + path, { waitUntil: "commit" });
  for (let piece = 0; piece < line.pieces.length - 1; piece += 1) {
    await page.waitForFunction((text) => {
      const comments = document.createTreeWalker(document, NodeFilter.SHOW_COMMENT);
      while (comments.nextNode()) if (comments.currentNode.data === text) return true;
      return false;
    }, `piece ${piece}`, { polling: 5 });
    // Nothing is drawn without its style: so the first two pieces come before it.
    if (piece === 1) held.css.open();
    if (line.unfinished && piece >= 1) await drawn(page);
    if (!line.unfinished) assert.equal(await page.evaluate(() => performance.getEntriesByType("paint").length), 0, "drawn before it was whole");
    line.release();
  }
  held.css.open();
  await drawn(page);
  held.js.open();
}

export function drawn(page) {
  return page.evaluate(() => new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go))));
}

function gate() {
  const it = {};
  it.opened = new Promise((open) => { it.open = open; });
  return it;
}
