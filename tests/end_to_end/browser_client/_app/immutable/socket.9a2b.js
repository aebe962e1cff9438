// Socket.IO over a web socket: Engine.IO packets 0 (open), 2 and 3 (ping, pong), 4 (message); in messages 0, 2, 3 are
// connect, event and acknowledgement.
export function openSocket(token) {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const socket = new WebSocket(`${scheme}://${location.host}/ws/socket.io/?EIO=4&transport=websocket`);
  const listeners = new Map(), waiting = new Map();
  const opened = { id: "", listen: (name, heard) => listeners.set(name, heard), call };

  function call(name, payload) {
    const number = waiting.size;
    socket.send(`42${number}${JSON.stringify([name, payload])}`);
    return new Promise((resolve) => waiting.set(number, resolve));
  }

  return new Promise((resolve, reject) => {
    socket.onerror = reject;
    socket.onmessage = ({ data }) => {
      const [, kind, number, json] = /^(4?\d)(\d*)(.*)$/s.exec(data);
      if (kind === "0") socket.send(`40${JSON.stringify({ token })}`);
      else if (kind === "2") socket.send("3");
      else if (kind === "40") { opened.id = JSON.parse(json).sid; resolve(opened); }
      else if (kind === "43") waiting.get(Number(number))(JSON.parse(json)[0]);
      else if (kind === "42") { const [name, payload] = JSON.parse(json); listeners.get(name)?.(payload); }
    };
  });
}
