"""Plugins that load, and fail while the server runs: the call fails alone, the plugin stays and is named."""

from tests.core.plugins.broken.plugin_sources import Broken

_ROUTES = """
from portico.api.web import *
@hookimpl
def register_routes(app):
    @get("/api/x/{}/go", access="public")
    async def go() -> str:
        {}
    return [go]
"""
_SOURCE = """
class Source:
    name = "{0}"
    async def list_models(self):
        {1}
    async def complete(self, request):
        {2}
@hookimpl
def register_model_sources():
    return [Source()]
"""
_CARDS = "return [ModelCard(id='{0}', name='{0}', owned_by='x', public=True)]"


def _source(name: str, listed: str = "", completes: str = "raise KeyError('x')  #!") -> Broken:
    return _running(_SOURCE.format(name, listed or _CARDS.format(name), completes))


def _running(code: str) -> Broken:
    return Broken("", "", code)


RUNNING: dict[str, Broken] = {
    "goes_wrong": _running(_ROUTES.format("goes_wrong", "raise RuntimeError('hunter2')  #!")),
    "goes_away": _running(_ROUTES.format("goes_away", "raise SystemExit(1)  #!")),
    "cancels_itself": _running(
        _ROUTES.format("cancels_itself", "raise asyncio.CancelledError  #!")
    ),
    "cancels_request": _running(
        _ROUTES.format(
            "cancels_request", "asyncio.current_task().cancel()\n        await asyncio.sleep(9)  #!"
        )
    ),
    "exits_in_task": _running(
        _ROUTES.format("exits_in_task", "asyncio.create_task(leave())\n        return 'left'")
        + "async def leave():\n    raise SystemExit(1)  #!"
    ),
    "exits_in_callback": _running(
        _ROUTES.format(
            "exits_in_callback",
            "asyncio.get_running_loop().call_soon(leave)\n        return 'left'",
        )
        + "def leave():\n    raise SystemExit(1)  #!"
    ),
    "keeps_thread": _running(
        "import signal, threading\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "threading.Thread(target=time.sleep, args=(600,)).start()"
    ),
    "works": _running(
        """
        class Work(msgspec.Struct): ...
        async def work(run, arguments):
            raise KeyError("x")  #!
        @hookimpl
        def register_tasks():
            return [TaskType("works:work", Work, work, max_tries=1)]
        @hookimpl
        async def startup(app):
            await app.tasks.create("works:work", Work())
        """
    ),
    "hears": _running(
        """
        async def hear(socket, payload):
            raise SystemExit(1)  #!
        @hookimpl
        def register_socket_events():
            return [SocketEvent("hears:word", None, hear)]
        """
    ),
    "acts": _running(
        """
        async def act(request):
            raise SystemExit(1)  #!
        @hookimpl
        def register_message_actions():
            return [MessageAction(id="acts", name="Act", run=act, is_global=True)]
        """
    ),
    "live": _running(
        """
        from portico.api.web import Socket, websocket
        @hookimpl
        def register_routes():
            @websocket("/api/x/live/go", access="public")
            async def go(socket: Socket) -> None:
                await socket.accept()
                raise RuntimeError("hunter2")  #!
            return [go]
        """
    ),
    "lists_wrong": _source("lists_wrong", "raise OSError('hunter2')  #!"),
    "lists_words": _source("lists_words", "return ['gpt']", "pass"),
    "answers_wrong": _source("answers_wrong"),
    "answers_words": _source("answers_words", completes="return 'hello'"),
    "filters": _running(
        "async def look(call):\n    raise KeyError('x')  #!\n@hookimpl\ndef register_model_filters():\n"
        "    return [ModelFilter(name='look', inlet=look, on_failure='skip')]"
    ),
    "listens": _running(
        "def told(event):\n    raise KeyError('x')  #!\n@hookimpl\ndef register_listeners():\n"
        "    return [Listener(AccountCreated, told)]"
    ),
    "checks": _running(
        "async def probe():\n    raise KeyError('x')  #!\n@hookimpl\ndef register_health_checks():\n"
        "    return [HealthCheck('odd', probe, critical=False)]"
    ),
    "commands": _running("@hookimpl\ndef register_commands(cli):\n    raise KeyError('x')  #!"),
    "stops": _running("@hookimpl\ndef shutdown():\n    raise KeyError('x')  #!"),
    "stays": _running("@hookimpl\nasync def shutdown():\n    await asyncio.Event().wait()  #!"),
}
