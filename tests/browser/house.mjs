// A Ringbook of its own for each test: the real program, with a database in a temporary folder, and a
// simulated Google beside it.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

// How long is waited for what must come. Nothing takes long; this is for a machine with much else to do.
export const PATIENCE = 180_000;

export const ADMIN = { name: "ada", password: "correct horse battery" };

// Starts a command whose first line says where it is.
class Program {
  static async start(args, environment, folder) {
    const it = new Program();
    // The kernel ends it with us, however we end.
    const command = ["--pdeathsig", "KILL", "--", process.env.RINGBOOK, "--json", ...args];
    const env = { PATH: process.env.PATH, TMPDIR: folder, ...environment };
    it.child = spawn("setpriv", command, { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
    it.errors = "";
    it.child.stderr.on("data", (text) => { it.errors += text; });
    it.ended = once(it.child, "exit");
    const lines = createInterface({ input: it.child.stdout });
    const first = await Promise.race([once(lines, "line"), it.ended.then(() => null)]);
    if (!first) throw new Error(`ringbook ${args.join(" ")} did not start: ${it.errors}`);
    it.said = JSON.parse(first[0]);
    return it;
  }

  async stop(signal = "SIGKILL") {
    this.child.kill(signal);
    await this.ended;
  }
}

export class House {
  // `contacts` are at Google; `latency` is how many milliseconds it takes to answer.
  static async open({ contacts = 200, latency = 0, settings = {} } = {}) {
    const it = new House();
    it.contacts = contacts;
    it.folder = await mkdtemp(join(tmpdir(), "ringbook-browser-"));
    try {
      const simulate = ["simulate-google", "--port", String(await freePort()), "--contacts", String(contacts), "--latency-ms", String(latency)];
      it.google = await Program.start(simulate, {}, it.folder);
      const port = String(await freePort());
      it.url = `http://127.0.0.1:${port}`;
      it.settings = {
        ...it.google.said.environment,
        PORT: port,
        DATABASE_URL: `sqlite:///${it.folder}/ringbook.db`,
        GOOGLE_REDIRECT_URI: `${it.url}/auth/callback`,
        LOG_LEVEL: "error",
        ...settings,
      };
      await it.serve();
    } catch (problem) {
      await it.close();
      throw problem;
    }
    return it;
  }

  // The server, again on the same port and the same database when it was stopped.
  async serve() {
    this.server = await Program.start(["serve"], this.settings, this.folder);
    this.code = this.server.said.setup_code ?? this.code;
  }

  // Pulls a lever of the simulated Google.
  async pull(method, path, body) {
    const answer = await fetch(`${this.google.said.url}/simulator/${path}`, { method, body: body && JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`);
    return answer.json();
  }

  async close() {
    await this.server?.stop();
    await this.google?.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  // Makes the administrator, in the browser of `page`.
  async setUp(page) {
    await page.goto(`${this.url}/setup`);
    await page.getByLabel("Code").fill(this.code);
    await page.getByLabel("Name").fill(ADMIN.name);
    await page.getByLabel("Password", { exact: true }).fill(ADMIN.password);
    await page.getByLabel("Password, once more").fill(ADMIN.password);
    await page.getByRole("button", { name: "Set up" }).click();
    await page.waitForURL(`${this.url}/`);
  }

  // Goes to the simulated Google and back.
  async connect(page) {
    await page.goto(`${this.url}/auth/google`);
  }

  // An administrator, and an account whose first sync is over.
  async settle(page) {
    await this.setUp(page);
    await this.connect(page);
    await this.inStep(page);
  }

  async inStep(page) {
    await page.goto(this.url);
    await page.getByText("Up to date").waitFor();
    // A first sync has a follow-up.
    await until("the follow-up", async () => {
      const run = await this.latest(page);
      return run?.kind === "incremental" && run.outcome;
    });
  }

  // The most recent run.
  async latest(page) {
    return (await this.api(page, "/api/sync/history?limit=1")).history[0];
  }

  async api(page, path) {
    const answer = await page.request.get(this.url + path, { headers: { accept: "application/json" } });
    return answer.json();
  }
}

// A port that is given to no other test, also of other test runs, as long as this process lives: names in
// the kernel see to that. Below are no ports of connections, and above are those of `program.rs`.
async function freePort() {
  for (let port = 12_000; port < 20_000; port += 1) {
    if (await listens(createServer(), { path: `\0ringbook-browser-port-${port}` })) {
      const probe = createServer();
      if (await listens(probe, { port, host: "0.0.0.0" })) {
        probe.close();
        await once(probe, "close");
        return port;
      }
    }
  }
  throw new Error("no port is free");
}

function listens(server, where) {
  server.unref();
  return new Promise((tell) => {
    server.once("error", () => tell(false));
    server.listen(where, () => tell(true));
  });
}

// Asks until the answer is yes.
export async function until(what, ask, patience = PATIENCE) {
  const end = Date.now() + patience;
  while (!(await ask())) {
    if (Date.now() > end) throw new Error(`${what} did not come within ${patience / 1000} s`);
    await new Promise((go) => setTimeout(go, 20));
  }
}
