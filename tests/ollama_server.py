"""A server with the Ollama API for tests, with its own port. The names of its models say how they misbehave.

    with OllamaServer() as ollama:
        ollama.url          # for OLLAMA_BASE_URLS
        ollama.names        # of its models; those of `loaded` are in memory
        ollama.requests     # received requests
        ollama.open_calls   # answers in progress

A model answers as its name in `BEHAVIOURS` says; any other answers correctly: with a call of a tool if it was given one,
reasoning if it is to think, the number of images, else with what it was asked.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.upstream import KEY, LEAK, WORDS, Behaviour, Connection, Received, Upstream

MODIFIED = "2026-05-04T14:56:49.277302595-07:00"
EXPIRES = "2026-06-04T14:38:31.83753-07:00"
MODELFILE = "# Modelfile\nFROM /secret/path\nSYSTEM You are a spy."
NDJSON = "application/x-ndjson"
FIGURES = {
    "total_duration": 5_000_000_000,
    "load_duration": 1_000_000,
    "prompt_eval_count": 26,
    "prompt_eval_duration": 130_000_000,
    "eval_count": 10,
    "eval_duration": 2_000_000_000,
}
PULLED: list[dict[str, Any]] = [
    {"status": "pulling manifest"},
    {"status": "pulling 6a0746a1ec1a", "digest": "sha256:6a07", "total": 10, "completed": 5},
    {"status": "pulling 6a0746a1ec1a", "digest": "sha256:6a07", "total": 10, "completed": 10},
    {"status": "success"},
]


def line(**fields: Any) -> bytes:
    """Return one line of a stream."""
    return json.dumps(fields).encode() + b"\n"


def chat_line(content: str, **more: Any) -> bytes:
    """Return one line of a chat."""
    message = {"role": "assistant", "content": content}
    return line(model="m", created_at=MODIFIED, message=message, done=False, **more)


def last_line(reason: str = "stop") -> bytes:
    """Return the line that ends a chat."""
    message = {"role": "assistant", "content": ""}
    end = {"model": "m", "created_at": MODIFIED, "message": message, "done": True}
    return line(**end, done_reason=reason, **FIGURES)


def streaming(*blocks: bytes) -> Behaviour:
    async def stream(connection: Connection) -> None:
        await begin(connection)
        for block in blocks:
            await connection.send(block)
        await connection.end()

    return stream


async def begin(connection: Connection) -> None:
    connection.writer.write(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    await connection.writer.drain()


async def silence_after_first(connection: Connection) -> None:
    await begin(connection)
    await connection.send(chat_line("first "))
    await connection.until_disconnect()


GOOD = [chat_line(word) for word in WORDS] + [last_line()]
HEAD, TAIL = b"".join(GOOD[:2]), b"".join(GOOD[2:])

BEHAVIOURS: dict[str, Behaviour] = {
    "silence:latest": silence_after_first,
    "words:latest": streaming(*GOOD),
    "split:latest": streaming(*[bytes([b]) for b in b"".join([chat_line("süß 🙂"), *GOOD])]),
    "cut:latest": streaming(HEAD),
    "garbage:latest": streaming(HEAD, b"{not json\n", TAIL),
    "invalid-utf-8:latest": streaming(HEAD, b'{"message":{"content":"\xff"}}\n', TAIL),
    "error-inside:latest": streaming(HEAD, line(error=LEAK)),
    "error-first:latest": streaming(line(error=LEAK)),
    "no-newline:latest": streaming(HEAD, TAIL[:-1]),
    "long:latest": streaming(HEAD, last_line("length")),
}


@dataclass
class OllamaServer(Upstream):
    """The server; a context manager. `key`: if not empty, requests without it are refused."""

    names: list[str] = field(default_factory=lambda: ["llama3:latest", "qwen:0.5b"])
    loaded: list[str] = field(default_factory=list)
    key: str = ""
    version: str = "0.13.1"

    def __enter__(self) -> "OllamaServer":
        super().__enter__()
        self.url = self.url.removesuffix("/v1")
        return self

    @property
    def environment(self) -> dict[str, str]:
        """Settings with this server as the only one, whose models every account may use."""
        return {
            "OLLAMA_BASE_URLS": self.url,
            "OLLAMA_API_CONFIGS": json.dumps({"0": {"access": "public", "key": self.key}}),
        }

    def received(self, path: str) -> list[Received]:
        """Return the requests with this path, in order."""
        return [request for request in self.requests if request.path == path]

    async def _respond(self, connection: Connection, request: Received) -> None:
        if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
            await connection.answer(line(error="unauthorized"), 401)
            return
        if self.listing == "500":
            await connection.answer(line(error=LEAK), 500)
            return
        with self._counted(request):
            await self._route(connection, request)

    async def _route(self, connection: Connection, request: Received) -> None:
        match request.method, request.path:
            case "GET", "/":
                await connection.answer(b"Ollama is running", kind="text/plain")
            case "GET", "/api/version":
                await connection.answer(line(version=self.version))
            case "GET", "/api/tags":
                await connection.answer(line(models=[entry(name) for name in self.names]))
            case "GET", "/api/ps":
                models = [entry(name) | {"expires_at": EXPIRES} for name in self.loaded]
                await connection.answer(line(models=models))
            case "HEAD", _:
                await connection.answer(b"", 404)
            case "POST", path if path.startswith("/api/blobs/"):
                await connection.answer(b"", 201)
            case "POST", "/api/pull":
                await self._pull(connection, request.json)
            case _, "/api/create":
                self.names.append(tagged(request.json["model"]))
                await connection.answer(line(status="success"), kind=NDJSON)
            case _, path:
                await self._about_model(connection, path, request.json)

    async def _about_model(self, connection: Connection, path: str, form: Any) -> None:
        name = form.get("model") or form.get("source") or ""
        name = tagged(name)
        if name not in self.names and name not in BEHAVIOURS:
            await connection.answer(line(error=f"model '{name}' not found"), 404)
            return
        match path:
            case "/api/show":
                await connection.answer(json.dumps(shown(name)).encode())
            case "/api/copy":
                self.names.append(tagged(form["destination"]))
                await connection.answer(b"")
            case "/api/delete":
                self.names.remove(name)
                await connection.answer(b"")
            case "/api/push":
                await streaming(line(status="pushing manifest"), line(status="success"))(connection)
            case "/api/embed":
                texts = form["input"] if isinstance(form["input"], list) else [form["input"]]
                vectors = [[float(len(text)), 0.5] for text in texts]
                await connection.answer(
                    line(model=name, embeddings=vectors, prompt_eval_count=len(texts))
                )
            case "/api/chat" | "/api/generate":
                await self._talk(connection, path, name, form)
            case _:
                await connection.answer(b"404 page not found", 404, "text/plain")

    async def _pull(self, connection: Connection, form: Any) -> None:
        name = form["model"]
        if name.startswith("missing"):
            failed = line(error="pull model manifest: file does not exist")
            await streaming(line(status="pulling manifest"), failed)(connection)
            return
        self.names.append(tagged(name))
        if form.get("stream") is False:
            await connection.answer(line(status="success"))
        else:
            await streaming(*[line(**status) for status in PULLED])(connection)

    async def _talk(self, connection: Connection, path: str, name: str, form: Any) -> None:
        behaviour = BEHAVIOURS.get(name)
        if behaviour is not None:
            await behaviour(connection)
            return
        parts = answer_parts(form)
        if path == "/api/generate":
            parts = [{"response": part.get("content", "")} | _thinking(part) for part in parts]
            end: dict[str, Any] = {"response": "", "context": [1, 2, 3]}
        else:
            parts = [{"message": {"role": "assistant", "content": ""} | part} for part in parts]
            end = {"message": {"role": "assistant", "content": ""}}
        end |= {"done": True, "done_reason": "stop", **FIGURES}
        head = {"model": name, "created_at": MODIFIED}
        if form.get("stream", True):
            lines = [line(**head, **part, done=False) for part in parts]
            await streaming(*lines, line(**head, **end))(connection)
        else:
            await connection.answer(line(**head, **_whole(parts, end)))


def tagged(name: str) -> str:
    """Return the name of a model with its tag."""
    return name if ":" in name else f"{name}:latest"


def answer_parts(form: Any) -> list[dict[str, Any]]:
    """Return what a model says to a request, in parts."""
    messages = form.get("messages", [{"role": "user", "content": form.get("prompt", "")}])
    if not messages:
        return []
    last = messages[-1]
    if form.get("tools") and last["role"] == "user":
        name = form["tools"][0]["function"]["name"]
        return [{"tool_calls": [{"function": {"name": name, "arguments": {"city": "Bern"}}}]}]
    parts = [{"thinking": "Let me see."}] if form.get("think") else []
    images = last.get("images") or form.get("images")
    if images:
        return [*parts, {"content": f"{len(images)} images"}]
    return [*parts, {"content": "You said: "}, {"content": last.get("content", "")}]


def entry(name: str) -> dict[str, Any]:
    """Return a model in a list."""
    details = {
        "parent_model": "",
        "format": "gguf",
        "family": "llama",
        "families": ["llama"],
        "parameter_size": "8.0B",
        "quantization_level": "Q4_0",
    }
    return {
        "name": name,
        "model": name,
        "modified_at": MODIFIED,
        "size": 4661224676,
        "digest": "365c0bd3c000",
        "details": details,
    }


def shown(name: str) -> dict[str, Any]:
    """Return what is told of a model."""
    return {
        "license": "free",
        "modelfile": MODELFILE,
        "system": "You are a spy.",
        "parameters": "num_ctx 4096",
        "template": "{{ .System }} {{ .Prompt }}",
        "details": entry(name)["details"],
        "model_info": {"general.architecture": "llama"},
        "capabilities": ["completion", "tools"],
        "modified_at": MODIFIED,
    }


def _thinking(part: Mapping[str, Any]) -> dict[str, Any]:
    return {"thinking": part["thinking"]} if "thinking" in part else {}


def _whole(parts: list[dict[str, Any]], end: dict[str, Any]) -> dict[str, Any]:
    """Return the parts of an answer as one."""
    messages = [part.get("message", part) for part in parts]
    text = "response" if "response" in end else "content"
    whole = {text: "".join(message.get(text, "") for message in messages)}
    for message in messages:
        whole |= {key: message[key] for key in ("thinking", "tool_calls") if key in message}
    return end | (whole if text == "response" else {"message": end["message"] | whole})


__all__ = ["KEY", "OllamaServer"]
