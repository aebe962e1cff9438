"""Plugins that register something that cannot be used, although its type is right."""

from tests.core.plugins.broken.plugin_sources import TABLE, Broken


def _on(hook: str, reason: str, code: str, fault: str = "hook", before: str = "") -> Broken:
    """Return a plugin whose hook returns a list of this one thing. `before`: code above the hook."""
    body = f"{before}\n@hookimpl\ndef register_{hook}():\n    return [{code}]"
    return Broken(fault, reason, body)


def _route(
    reason: str, decorator: str, function: str = "async def mine() -> str: ...", mark: bool = True
) -> Broken:
    """Return a plugin with one route. The decorator is where most mistakes are noticed."""
    end = "  #!" if mark else ""
    return Broken(
        "routes" if not mark else "hook",
        reason,
        f"from portico.api.web import *\n@hookimpl\ndef register_routes():\n"
        f"    @{decorator}{end}\n    {function}\n    return [mine]",
    )


_WAY = """
class Way:
    name, label, kind, provisioning_rules = "way", "Way", "form", ProvisioningRules()
    async def authenticate(self, attempt): ...
    def __init__(self, **changed): vars(self).update(changed)
"""
_READER = """
class Reader:
    kind, prefix = "badge", "badge-"
    async def authenticate(self, token): ...
    async def still_valid(self, session_ids): ...
    def __init__(self, **changed): vars(self).update(changed)
"""
_SOURCE = """
class Source:
    name = "mine"
    async def list_models(self): return []
    async def complete(self, completion): ...
    def __init__(self, **changed): vars(self).update(changed)
"""

_KIND = """
from portico.api.transfer import TransferKind
class Mine(TransferKind):
    name, after = {name}, {after}
    async def export(self, scope): yield []
    {asynchronous}def import_batch(self, records, run): return []
@hookimpl
def register_transfer_kinds(): return [Mine()]
"""
_FORMAT = """
from portico.api.transfer import ImportFormat
class Mine(ImportFormat):
    name, summary, options = {name}, "Mine.", {options}
    def open(self, source, options): ...
@hookimpl
def register_import_formats(): return [Mine()]
"""

DECLARATIONS: dict[str, Broken] = {
    # -- functions where another kind of function is called -----------------------------------------------------
    "plain_check": _on(
        "health_checks",
        "write `async def probe`",
        "HealthCheck('x', probe)",
        before="def probe(): ...  #!",
    ),
    "check_takes": _on(
        "health_checks",
        r"must take \(\)",
        "HealthCheck('x', probe)",
        before="async def probe(app): ...  #!",
    ),
    "check_called": _on(
        "health_checks", "is a NoneType; give a function", "HealthCheck('x', None)"
    ),
    "check_name": _on(
        "health_checks",
        "which UTF-8 does not have",
        "HealthCheck('\\ud800', probe)",
        before="async def probe(): ...",
    ),
    "check_critical": _on(
        "health_checks",
        "critical of the health check 'x' is 'no'; write True or False",
        "HealthCheck('x', probe, critical='no')",
        before="async def probe(): ...",
    ),
    "check_limit": _on(
        "health_checks",
        "limit of the health check 'x' is 0",
        "HealthCheck('x', probe, limit=0)",
        before="async def probe(): ...",
    ),
    "listener_takes": _on(
        "listeners",
        r"must take \(event\)",
        "Listener(AccountDeleted, gone)",
        before="def gone(): ...  #!",
    ),
    "listener_event": _on(
        "listeners", "write the class of the event", "Listener('AccountDeleted', print)"
    ),
    "listener_yields": _on(
        "listeners",
        "has a yield",
        "Listener(AccountDeleted, gone)",
        before="def gone(event): yield  #!",
    ),
    "plain_socket": _on(
        "socket_events",
        "write `async def told`",
        "SocketEvent('plain_socket:a', None, told)",
        before="def told(socket, payload): ...  #!",
    ),
    "socket_takes": _on(
        "socket_events",
        r"must take \(socket, payload\)",
        "SocketEvent('socket_takes:a', None, told)",
        before="async def told(payload): ...  #!",
    ),
    "socket_access": _on(
        "socket_events",
        "write verified or admin",
        "SocketEvent('socket_access:a', None, told, access='all')",
        before="async def told(socket, payload): ...  #!",
    ),
    "socket_payload": _on(
        "socket_events",
        "a type that JSON cannot hold",
        "SocketEvent('socket_payload:a', int | list[str] | set[int], told)",
        before="async def told(socket, payload): ...  #!",
    ),
    "plain_task": _on(
        "tasks",
        "write `async def work`",
        "TaskType('plain_task:a', NoArguments, work)",
        before="def work(run, arguments): ...  #!",
    ),
    "task_name": _on(
        "tasks",
        "must be named task_name:",
        "TaskType('other:a', NoArguments, work)",
        "conflict",
        "async def work(run, given): ...",
    ),
    "plain_action": _on(
        "message_actions",
        "needs an async function",
        "MessageAction(id='b', name='B', run=press)",
        before="def press(request): ...",
    ),
    "plain_inlet": _on(
        "model_filters",
        "write `async def look`",
        "ModelFilter(name='a', inlet=look)",
        before="def look(call): ...  #!",
    ),
    "awaited_end": _on(
        "model_filters",
        "async function as ended",
        "ModelFilter(name='a', ended=look)",
        before="async def look(call, result): ...",
    ),
    "plain_find": _on(
        "database_checks",
        "write `async def find`",
        "DatabaseCheck('x', find)",
        before="def find(): ...  #!",
    ),
    "plain_source": _on(
        "model_sources",
        "write `async def list_models`",
        "Source()",
        before=_SOURCE.replace(
            "async def list_models(self): return []", "def list_models(self): return []  #!"
        ),
    ),
    "plain_way": _on(
        "auth_providers",
        "write `async def authenticate`",
        "Way()",
        before=_WAY.replace(
            "async def authenticate(self, attempt): ...", "def authenticate(self, attempt): ...  #!"
        ),
    ),
    # -- words and numbers ----------------------------------------------------------------------------------------
    "way_kind": _on(
        "auth_providers", "is 'popup'; write one of form", "Way(kind='popup')", before=_WAY
    ),
    "way_name": _on("auth_providers", "write letters, digits", "Way(name='a b')", before=_WAY),
    "way_class": _on("auth_providers", "is the class Way; return an object", "Way", before=_WAY),
    "no_prefix": _on(
        "token_authenticators",
        "is '', with which tokens of sessions",
        "Reader(prefix='')",
        before=_READER,
    ),
    "jwt_prefix": _on("token_authenticators", "is 'eyJh'", "Reader(prefix='eyJh')", before=_READER),
    "session_kind": _on(
        "token_authenticators", "as that of sessions", "Reader(kind='session')", before=_READER
    ),
    "own_task": _on(
        "tasks",
        "its task 'own_task:a' has max_tries = 0",
        "Mine('own_task:a', NoArguments, work, max_tries=0)",
        before="class Mine(TaskType): ...\nasync def work(run, given): ...",
    ),
    "source_name": _on(
        "model_sources", "name of a model source is ''", "Source(name='')", before=_SOURCE
    ),
    "source_weight": _on("model_sources", "weight .* is 0", "Source(weight=0)", before=_SOURCE),
    "source_does": _on(
        "model_sources", "operations .* write a set", "Source(operations={'chats'})", before=_SOURCE
    ),
    "source_lacks": _on(
        "model_sources",
        "without list_models, complete",
        "Source()",
        before="class Source:  #!\n    name = 'x'",
    ),
    "service_lacks": _on(
        "services", "with all that WorkspaceModels has", "Service(WorkspaceModels, 5)"
    ),
    "service_class": _on("services", "give an object of it", "Service(int, int)"),
    "metric_kind": _on("metrics", "write counter, gauge", "Metric('x', 'x', 'number', int)"),
    "metric_name": _on("metrics", "lower-case names", "Metric('X y', 'x', 'gauge', int)"),
    "keeps_days": _on(
        "retention", "write a number or None", "Retention('keeps_days_x', 'at', '7')"
    ),
    # -- resources and policies -------------------------------------------------------------------------------------
    "kind_text": _on("resources", "write a tuple of words", "ResourceKind('thing', '', 'read')"),
    "kind_name": _on(
        "resources", "needs a lower-case word", "ResourceKind('A thing', '', ('read',))"
    ),
    "kind_admins": _on(
        "resources",
        "'write', which is none of its actions",
        "ResourceKind('thing', '', ('read',), required_for_admins=('write',))",
    ),
    "kind_table": _on(
        "resources",
        "which register_tables does not return",
        "ResourceKind('thing', 'kind_table_thing', ('read',))",
    ),
    "foreign_kind": _on(
        "resources",
        "'chats_chat', which register_tables",
        "ResourceKind('thing', 'chats_chat', ('read',))",
    ),
    "kind_column": Broken(
        "hook",
        "has the column 'user_id', which its table .* there is id",
        TABLE.format("kind_column")
        + "@hookimpl\ndef register_tables():\n    return TableSet((Thing,), 'nowhere')\n"
        + "@hookimpl  #!\ndef register_resources():\n    return [ResourceKind('thing', 'kind_column_thing', ('read',))]",
    ),
    "rule_subject": Broken(
        "policy",
        "there is no subject 'friend'",
        "@hookimpl\ndef register_resources():\n    return [ResourceKind('odd', '', ('read',))]\n"
        "@hookimpl\ndef register_policies():\n    return [PolicyRule('odd', 'read', 'friend')]",
    ),
    "rule_of_others": _on(
        "policies",
        "about 'model', which is no resource kind of this plugin",
        "PolicyRule('model', 'read', 'everyone')",
        "policy",
    ),
    "rule_of_all": _on(
        "policies", r"about '\*', which is no", "PolicyRule('*', '*', 'everyone')", "policy"
    ),
    "no_policy": _on(
        "policies",
        "cannot be read",
        "PackagedPolicy('portico_policies', 'not_there.csv')",
        "policy",
    ),
    "policy_type": _on(
        "policies", "name of a PackagedPolicy is None", "PackagedPolicy('portico_policies', None)"
    ),
    # -- routes -----------------------------------------------------------------------------------------------------
    "access_word": _route(
        "no access 'pulbic'; did you mean 'public'", "get('/api/x/access_word/a', access='pulbic')"
    ),
    "permission": _route(
        "no permission 'workspace.model'; did you mean 'workspace.models'",
        "get('/api/x/permission/a', permission='workspace.model')",
    ),
    "requires": _route("write a kind and an action", "get('/api/x/requires/a', requires='chat')"),
    "public_requires": _route(
        "on a public route",
        "get('/api/x/public_requires/a', access='public', requires='chat:read')",
    ),
    "option": _route(
        "no option acess; did you mean access", "get('/api/x/option/a', acess='public')"
    ),
    "verb": _route("no method 'GTE'; did you mean 'GET'", "route('/api/x/verb/a', method='GTE')"),
    "error_words": _route(
        "no errors format 'opnai'", "get('/api/x/error_words/a', errors='opnai')"
    ),
    "plain_route": _route(
        "write `async def mine`", "get('/api/x/plain_route/a')", "def mine() -> str: ..."
    ),
    "plain_live": _route(
        "write `async def mine`", "websocket('/api/x/plain_live/a')", "def mine(socket): ..."
    ),
    "yielding": _route("has a yield", "get('/api/x/yielding/a')", "async def mine() -> str: yield"),
    "no_action": _route(
        "requires chat:reed, but .* did you mean 'read'",
        "get('/api/x/no_action/a', requires='chat:reed')",
        mark=False,
    ),
    "no_kind": _route(
        "no resource kind 'chatt'; did you mean 'chat'",
        "get('/api/x/no_kind/a', requires='chatt:read')",
        mark=False,
    ),
    "no_answer": _route(
        "type annotated", "get('/api/x/no_answer/a')", "async def mine(): ...", mark=False
    ),
    "no_type": _route(
        "name 'Nope' is not defined",
        "get('/api/x/no_type/a')",
        "async def mine(q: 'Nope') -> str: ...",
        mark=False,
    ),
    "twice": Broken(
        "routes",
        "it has the route GET /api/x/twice/{name:str} twice",
        "from portico.api.web import *\n@hookimpl\ndef register_routes():\n"
        "    @get('/api/x/twice/{number:int}')\n    async def one(number: int) -> str: ...\n"
        "    @get('/api/x/twice/{name:str}')  #!\n    async def two(name: str) -> str: ...\n    return [one, two]",
    ),
    "raw": Broken(
        "routes",
        "no access 'all'",
        "from litestar import get\n@hookimpl\ndef register_routes():\n"
        "    @get('/api/x/raw/a', opt={'access': 'all'})  #!\n    async def mine() -> str: ...\n    return [mine]",
    ),
    "undecorated": _on(
        "routes", "decorate it with get", "mine", "routes", "async def mine() -> str: ...  #!"
    ),
    "stray": _on(
        "routes",
        "outside /api/x/stray/",
        "mine",
        "conflict",
        "from portico.api.web import get\n@get('/api/v1/elsewhere')\nasync def mine() -> str: ...",
    ),
    "fallback_policy": Broken(
        "hook",
        "content_policy of the fallback '/odd' is 5; write a text in ASCII",
        "from portico.api.web import Fallback\nasync def respond(scope, path): ...\n@hookimpl\n"
        "def register_fallbacks():\n    return [Fallback('/odd', respond, 5)]",
    ),
    "in_router": Broken(
        "routes",
        "it has the route GET /api/x/in_router/a twice",
        "from litestar import Router\nfrom portico.api.web import get\n@get('/a')\nasync def one() -> str: ...\n"
        "@get('/api/x/in_router/a')  #!\nasync def two() -> str: ...\n@hookimpl\ndef register_routes():\n"
        "    return [Router('/api/x/in_router', route_handlers=[one]), two]",
    ),
    "plain_fallback": Broken(
        "hook",
        "write `async def respond`",
        "from portico.api.web import Fallback\ndef respond(scope, path): ...  #!\n@hookimpl\ndef register_fallbacks():\n"
        "    return [Fallback('/plain', respond)]",
    ),
    "transfer_name": Broken(
        "hook",
        "name of a transfer kind is 'My Kind'; write a lower-case word",
        _KIND.format(name="'My Kind'", after="()", asynchronous="async "),
    ),
    "kind_after": Broken(
        "hook",
        "after of the transfer kind 'mine' is 'accounts'; write a tuple",
        _KIND.format(name="'mine'", after="'accounts'", asynchronous="async "),
    ),
    "kind_plain": Broken(
        "hook",
        "write `async def import_batch`",
        _KIND.format(name="'mine'", after="()", asynchronous="").replace(
            "run): return []", "run): return []  #!"
        ),
    ),
    "format_name": Broken(
        "hook",
        "name of an import format is 'a b'; write a lower-case word",
        _FORMAT.format(name="'a b'", options="[]"),
    ),
    "format_options": Broken(
        "hook",
        "options of the import format 'mine' are not all click options",
        _FORMAT.format(name="'mine'", options="[5]"),
    ),
    "format_dry_run": Broken(
        "hook",
        "the import format 'mine' has the option 'dry_run', as all have",
        "import click\n" + _FORMAT.format(name="'mine'", options="[click.Option(['--dry-run'])]"),
    ),
}
