"""Plugins of which a hook is wrong by itself, whatever it registers."""

from tests.core.plugins.broken.plugin_sources import Broken

_ONE = ("register_settings", "register_tables", "register_components")
_LISTS = (
    "register_database_checks",
    "register_retention",
    "register_resources",
    "register_policies",
    "register_services",
    "register_model_sources",
    "register_model_filters",
    "register_message_actions",
    "register_auth_providers",
    "register_token_authenticators",
    "register_listeners",
    "register_routes",
    "register_fallbacks",
    "register_socket_events",
    "register_tasks",
    "register_transfer_kinds",
    "register_import_formats",
    "register_health_checks",
    "register_metrics",
)


def _each_hook() -> dict[str, Broken]:
    """Return plugins of which one hook raises, is async, or returns a wrong type, for every hook."""
    found = {}
    for hook in (*_ONE, *_LISTS):
        short = hook.removeprefix("register_")
        found[f"raises_{short}"] = Broken(
            "hook", f"{hook}: RuntimeError: no", 'raise RuntimeError("no")  #!', hook
        )
        found[f"awaits_{short}"] = Broken(
            "hook", f"{hook} is async", f"@hookimpl  #!\nasync def {hook}():\n    return []"
        )
        if hook != "register_components":
            wrong = Broken("hook", f"{hook}: it returned an int; return a", "return 5", hook)
            found[f"number_{short}"] = wrong
    for hook in _LISTS:
        short, kind = hook.removeprefix("register_"), "routes" if "routes" in hook else "hook"
        found[f"text_{short}"] = Broken(
            "hook", "it returned a str; return a list", "return 'x'", hook
        )
        found[f"item_{short}"] = Broken(kind, "item 1 is an? object", "return [object()]", hook)
    return found


HOOKS: dict[str, Broken] = _each_hook() | {
    # -- modules ----------------------------------------------------------------------------------------------
    "missing": Broken("import", "No module named 'not_there'", "import not_there  #!"),
    "syntax": Broken("import", "SyntaxError", "def broken(:  #!", head=False),
    "exits": Broken("import", "import: SystemExit: 3", "raise SystemExit(3)  #!"),
    "cancels": Broken("import", "import: CancelledError", "raise asyncio.CancelledError  #!"),
    "empty": Broken("import", "has no constant PLUGIN; add PLUGIN", "x = 1", head=False),
    "newer": Broken(
        "api version", "plugin API 99", "PLUGIN = PluginInfo(api_version=99, summary='')"
    ),
    "version": Broken(
        "import", "wrong api_version", "PLUGIN = PluginInfo(api_version='1', summary='')"
    ),
    "needs": Broken(
        "import",
        "wrong requires: ",
        "PLUGIN = PluginInfo(api_version=1, summary='', requires='chats')",
    ),
    "prefix": Broken(
        "import",
        "route_prefixes has 'api/notes'; a path begins with /",
        "PLUGIN = PluginInfo(api_version=1, summary='', route_prefixes=('api/notes',))",
    ),
    "absent": Broken(
        "requirement",
        "requires 'ldap9', which is not installed",
        "PLUGIN = PluginInfo(api_version=1, summary='', requires=('ldap9',))",
    ),
    "upper": Broken(
        "requirement",
        "requires 'exits', which has failed",
        "PLUGIN = PluginInfo(api_version=1, summary='', requires=('exits',))",
    ),
    # -- functions --------------------------------------------------------------------------------------------
    "unmarked": Broken(
        "hook",
        "register_routes is not marked as a hook; write @hookimpl",
        "def register_routes():  #!\n    return []",
    ),
    "unmarked_start": Broken("hook", "startup is not marked", "async def startup():  #!\n    pass"),
    "misspelt": Broken(
        "hook",
        "no hook 'register_rotues'; did you mean 'register_routes'",
        "@hookimpl  #!\ndef register_rotues(): ...",
    ),
    "unknown": Broken(
        "hook", "no hook 'on_boot'; remove @hookimpl", "@hookimpl  #!\ndef on_boot(): ..."
    ),
    "argument": Broken(
        "hook",
        "no argument 'ap'; did you mean 'app'",
        "@hookimpl  #!\ndef register_routes(ap): ...",
    ),
    "arguments": Broken(
        "hook", "it may have app, settings", "@hookimpl  #!\ndef register_tasks(x): ..."
    ),
    "default": Broken(
        "hook",
        "'app' of register_routes has a default",
        "@hookimpl  #!\ndef register_routes(app=None): ...",
    ),
    "keywords": Broken(
        "hook", r"\*\*given, which is never", "@hookimpl  #!\ndef register_routes(**given): ..."
    ),
    "wrapper": Broken(
        "hook",
        "is a hook wrapper",
        "@hookimpl(wrapper=True)  #!\ndef register_routes():\n    return (yield)",
    ),
    "cached": Broken(
        "hook",
        "register_routes is a _lru_cache_wrapper; a hook is a plain function",
        "import functools\n@functools.lru_cache\n@hookimpl\ndef register_routes(): ...",
    ),
    "method": Broken(
        "hook",
        "the hook register_routes is in the class Hooks",
        "class Hooks:\n    @hookimpl  #!\n    def register_routes(self): ...",
    ),
    "yields": Broken("hook", "startup has a yield", "@hookimpl  #!\ndef startup():\n    yield"),
    "yields_tables": Broken(
        "hook", "has a yield", "@hookimpl  #!\ndef register_tables():\n    yield"
    ),
    "endless": Broken(
        "hook", "more than 10000 things", "return itertools.count()", "register_listeners"
    ),
    "raises_late": Broken(
        "hook",
        "register_listeners: ZeroDivisionError",
        "yield Listener(int, print)\n1 / 0  #!",
        "register_listeners",
    ),
    "ends": Broken(
        "hook", "register_services: SystemExit", "raise SystemExit  #!", "register_services"
    ),
    # -- hooks of a running server ----------------------------------------------------------------------------
    "startup_raises": Broken(
        "startup", "OSError: no disk", "raise OSError('no disk')  #!", "startup"
    ),
    "startup_later": Broken(
        "startup", "KeyError", "@hookimpl\nasync def startup():\n    raise KeyError('x')  #!"
    ),
    "startup_ends": Broken("startup", "SystemExit", "raise SystemExit  #!", "startup"),
}

#: Plugins that hang: at import, in each hook, at startup.
HANGING: dict[str, Broken] = {
    f"hangs_{hook.removeprefix('register_')}": Broken(
        "timeout", f"{hook}: it did not end within", "time.sleep(3600)  #!", hook
    )
    for hook in (*_ONE, *_LISTS)
} | {
    "hangs_import": Broken("timeout", "import: it did not end within", "time.sleep(3600)  #!"),
    "hangs_generator": Broken(
        "timeout",
        "register_tasks: it did",
        "while True: time.sleep(1)  #!\nyield",
        "register_tasks",
    ),
    "hangs_startup": Broken(
        "timeout",
        "startup: it did not end",
        "@hookimpl\nasync def startup():\n    await asyncio.Event().wait()  #!",
    ),
    "spins": Broken("timeout", "startup: it did not end", "while True: pass  #!", "startup"),
}
