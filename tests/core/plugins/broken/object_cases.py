"""Plugins whose objects raise whatever they are asked: exceptions without a text, properties, comparisons, hashes."""

from tests.core.plugins.broken.plugin_sources import Broken

_NO_TEXT = "class E(Exception):\n    def __str__(self): raise SystemExit(5)\n"
_NO_CLASS = "class Odd:\n    @property\n    def __class__(self): raise KeyError('x')  #!\n"
_NO_HASH = "class Odd(str):\n    def __hash__(self): raise KeyError('x')  #!\n"
_META = "class Meta(type):\n    def __hash__(self): raise KeyError('x')  #!\n"
_SOURCE = """
class Source:
    asked = 0
    @property
    def name(self):
        Source.asked += 1
        if Source.asked > {}: raise KeyError('x')  #!
        return 'sometimes{}'
    async def list_models(self): return []
    async def complete(self, request): pass
return [Source()]
"""


_EXECUTE = "async def forwards(database):\n    await database.execute('{}')"


def _tables(
    name: str, code: str, reason: str = "belongs to|depend on it", file: str = "0001_x.sql"
) -> Broken:
    steps = f"made_up_{name}_steps"
    registered = (
        f"@hookimpl\ndef register_tables():\n    return TableSet(tables=(), migrations='{steps}')"
    )
    return Broken("migration", reason, registered, migrations={file: code})


OBJECTS: dict[str, Broken] = {
    "no_text": Broken("import", "cannot be read", _NO_TEXT + "raise E  #!"),
    "no_text_hook": Broken("hook", "cannot be read", _NO_TEXT + "raise E  #!", "register_services"),
    "no_text_start": Broken("startup", "cannot be read", _NO_TEXT + "raise E  #!", "startup"),
    "long_text": Broken("hook", "xxx…", "raise ValueError('x' * 1_000_000)  #!", "register_routes"),
    "odd_text": Broken(
        "hook", r"a\?b\?\[31m", r"raise ValueError('a\ud800b\x1b[31m')  #!", "register_routes"
    ),
    "module_asked": Broken(
        "import", "KeyError", "def __getattr__(x): raise KeyError(x)  #!", "", False
    ),
    "member_asked": Broken(
        "import",
        "KeyError",
        "class Odd:\n    def __getattribute__(self, x): raise KeyError(x)  #!\nregister_tables = Odd()",
    ),
    "class_asked": Broken(
        "import",
        "KeyError",
        "class Meta(type):\n    def __getattribute__(self, x): raise KeyError(x)  #!\nclass Odd(metaclass=Meta): pass",
    ),
    "result_asked": Broken("hook", "KeyError", _NO_CLASS + "return Odd()", "register_tables"),
    "results_asked": Broken("hook", "KeyError", _NO_CLASS + "return Odd()", "register_services"),
    "item_asked": Broken("hook", "KeyError", _NO_CLASS + "return [Odd()]", "register_services"),
    "schema_asked": Broken("hook", "KeyError", _NO_CLASS + "return Odd()", "register_settings"),
    "settings_asked": Broken(
        "hook",
        "KeyError",
        "class Odd(Section):\n    x: int = 1\n    def __getattribute__(self, n): raise KeyError(n)  #!\nreturn Odd",
        "register_settings",
    ),
    "kind_hashed": Broken(
        "hook",
        "KeyError",
        _NO_HASH + "return [ResourceKind(name=Odd('odd'), table='', actions=('read',))]",
        "register_resources",
    ),
    "check_hashed": Broken(
        "hook",
        "KeyError",
        _NO_HASH + "async def run(): pass\nreturn [HealthCheck(Odd('odd'), run)]",
        "register_health_checks",
    ),
    "service_hashed": Broken(
        "hook",
        "KeyError",
        _META + "class Odd(metaclass=Meta): pass\nreturn [Service(Odd, Odd())]",
        "register_services",
    ),
    "event_hashed": Broken(
        "hook",
        "KeyError",
        _META
        + "class Odd(metaclass=Meta): pass\nasync def run(event): pass\nreturn [Listener(Odd, run)]",
        "register_listeners",
    ),
    **{
        f"sometimes{times}": Broken(
            "hook", "KeyError", _SOURCE.format(times, times), "register_model_sources"
        )
        for times in range(0, 16, 3)
    },
    "policy_path": Broken(
        "policy",
        "cannot be read",
        "return [PackagedPolicy('../odd', 'x.csv')]",
        "register_policies",
    ),
    "policy_ends": Broken(
        "policy",
        "cannot be read",
        "return [PackagedPolicy('made_up_policy_ends_steps', 'ends.csv')]",
        "register_policies",
        migrations={"__init__.py": "raise SystemExit(5)", "ends.csv": ""},
    ),
    "policy_long": Broken(
        "policy",
        "longer than",
        "return [PackagedPolicy('made_up_policy_long_steps', 'long.csv')]",
        "register_policies",
        migrations={"long.csv": "#" * 300_000},
    ),
    "drops": _tables("drops", "DROP TABLE chats_chat;"),
    "renames": _tables("renames", "ALTER TABLE files_file RENAME TO mine;"),
    "rolls_back": _tables("rolls_back", _EXECUTE.format("ROLLBACK"), "transaction", "0001_x.py"),
    "commits": _tables("commits", _EXECUTE.format("COMMIT"), "transaction", "0001_x.py"),
}
