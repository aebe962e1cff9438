// A worker has the policy of its own script: it may import, and send requests to this server.
import { name } from "./words.31aa.js";
const { version } = await (await fetch("/api/version")).json();
postMessage(`${name} ${version}`);
