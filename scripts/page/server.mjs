// `u2i serve`, started for a journey and stopped after it.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";

/** A port that nobody listens at. */
async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** Serves `bundle` with more `options`; ready when this returns. `port` for one that was there before. */
export async function serve(program, bundle, options = [], port = undefined) {
  port ??= await freePort();
  const child = spawn(program, ["serve", bundle, "--addr", `127.0.0.1:${port}`, ...options], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.on("data", data => (said = (said + data).slice(-4000)));
  child.on("error", error => (said += error.message));
  const url = `http://127.0.0.1:${port}`;
  for (let i = 0; i < 600; i++) {
    if (child.exitCode !== null) break;
    const ready = await fetch(`${url}/readyz`).then(
      reply => reply.ok,
      () => false,
    );
    if (ready) return { url, port, stop: () => stop(child) };
    await new Promise(resolve => setTimeout(resolve, 100));
  }
  await stop(child);
  throw new Error(`${program} serve ${bundle} is not ready after 60 s: ${said}`);
}

async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  child.kill("SIGTERM");
  const killer = setTimeout(() => child.kill("SIGKILL"), 10_000);
  await once(child, "exit");
  clearTimeout(killer);
}
