// Runs every event of the contract with the client library of browsers, and prints what happened as one JSON object.
// Arguments: URL of the server, session token, transports separated by commas. Standard input: events to be relayed.
import { readFileSync } from "node:fs";
import { io } from "socket.io-client";

const [url, token, transports] = process.argv.slice(2);
const socket = io(url, {
  path: "/ws/socket.io",
  transports: transports.split(","),
  reconnectionDelay: 50,
});
const once = (name) => new Promise((resolve) => socket.once(name, resolve));
const ask = (name, ...payload) => socket.timeout(20000).emitWithAck(name, ...payload);

await once("connect");
const result = {};
const opened = socket.id;
if (transports === "polling,websocket" && socket.io.engine.transport.name === "polling") {
  await new Promise((resolve) => socket.io.engine.once("upgrade", resolve));
}
result.transport = socket.io.engine.transport.name;
result.anonymous = await ask("heartbeat", {});
result.joined = await ask("user-join", { auth: { token } });
result.heartbeat = await ask("heartbeat", {});
result.usage = await ask("usage", { action: "chat", model: "none", chat_id: "c" });
result.unavailable = [];
for (const name of ["join-channels", "join-note", "events:channel", "ydoc:document:join"]) {
  result.unavailable.push(await ask(name, { auth: { token } }));
}

result.received = [];
socket.on("events", (data, ack) => {
  result.received.push(data);
  if (ack) ack({ stdout: "1", session: data.data.data.session_id === socket.id });
});
for (const data of JSON.parse(readFileSync(0, "utf8"))) await ask("live:relay", data);
result.answer = await ask("live:call", { socket: opened });

const channel = `user:${opened}:request`;
const listening = ask("live:listen", { name: channel });
await once("ready");
for (let line = 0; line < 20; line++) socket.emit(channel, `data: ${line}`);
socket.emit(channel, { done: true });
result.heard = await listening;

const closed = once("disconnect");
await fetch(`${url}/api/v1/auths/signout`, { headers: { authorization: `Bearer ${token}` } });
await closed;
result.reconnects = socket.active;
await once("connect");
result.hasNewId = socket.id !== opened;
result.after = await ask("heartbeat", {});
socket.disconnect();
console.log(JSON.stringify(result));
