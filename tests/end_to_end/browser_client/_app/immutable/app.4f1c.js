// What a client does for one turn: sign up, open a socket, store a chat, ask, show the reply while it grows.
import { openSocket } from "./socket.9a2b.js";

const byId = (id) => document.getElementById(id);
const show = (state) => { document.body.dataset.state = state; };
const headers = () => ({ "content-type": "application/json", authorization: `Bearer ${localStorage.token}` });

async function send(path, body) {
  const answer = await fetch(path, { method: body ? "POST" : "GET", headers: headers(), body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

async function signUp(form) {
  const account = await send("/api/v1/auths/signup", Object.fromEntries(new FormData(form)));
  localStorage.token = account.token;
  const picture = byId("picture");
  picture.src = `/api/v1/users/${account.id}/profile/image`;
  await picture.decode();
  await enter();
}

async function enter() {
  const socket = await openSocket(localStorage.token);
  await socket.call("user-join", { auth: { token: localStorage.token } });
  byId("account").hidden = true;
  byId("question").hidden = false;
  byId("question").onsubmit = (event) => { event.preventDefault(); ask(socket, new FormData(event.target).get("text")); };
  show("ready");
}

async function ask(socket, text) {
  show("asking");
  const [asked, answer] = [crypto.randomUUID(), crypto.randomUUID()];
  const message = (id, parentId, role, content) => ({ id, parentId, childrenIds: [], role, content });
  const messages = { [asked]: message(asked, null, "user", text), [answer]: message(answer, asked, "assistant", "") };
  messages[asked].childrenIds = [answer];
  const document_ = { title: "Test", models: ["good"], history: { messages, currentId: answer }, messages: [] };
  const chat = await send("/api/v1/chats/new", { chat: document_ });
  history.pushState(null, "", `/c/${chat.id}`);
  const texts = new Set();
  socket.listen("events", ({ message_id, data }) => {
    if (message_id !== answer || data.type !== "chat:completion") return;
    if (data.data.content) { byId("reply").textContent = data.data.content; texts.add(data.data.content); }
    if (data.data.done) { byId("reply").dataset.texts = texts.size; show("done"); }
  });
  await send("/api/chat/completions", {
    model: "good", stream: true, messages: [{ role: "user", content: text }],
    session_id: socket.id, chat_id: chat.id, id: answer, parent_id: asked,
  });
}

// Clients have workers, WebAssembly and generated code; the policy of the page allows all of it, and blobs.
async function tryPolicy() {
  const worker = new Worker("/_app/immutable/worker.77de.js", { type: "module" });
  const version = await new Promise((resolve) => { worker.onmessage = ({ data }) => resolve(data); });
  worker.terminate();
  await WebAssembly.compile(new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]));
  const blob = URL.createObjectURL(new Blob(["export default 7"], { type: "text/javascript" }));
  const seven = (await import(blob)).default;
  return `${version} ${new Function("return 6 * " + seven)()}`;
}

export async function start() {
  byId("account").onsubmit = (event) => { event.preventDefault(); signUp(event.target); };
  document.body.dataset.tried = await tryPolicy();
  if (localStorage.token) await enter(); else show("signed-out");
}
