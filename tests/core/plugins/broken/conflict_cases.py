"""Plugins that claim what a built-in or the core has. Their names come before those of the built-ins."""

from tests.core.plugins.broken.plugin_sources import Broken


def _claims(reason: str, code: str, info: str = "", prefix: str = "") -> Broken:
    head = f"{prefix}\nPLUGIN = PluginInfo(api_version=1, summary='', {info})\n"
    return Broken("conflict", reason, head + code)


def _returns(hook: str, what: str, before: str = "") -> str:
    return f"{before}\n@hookimpl\ndef {hook}():\n    return [{what}]"


def _route(path: str, method: str = "get") -> str:
    before = f"from portico.api.web import *\n@{method}({path!r})\nasync def mine() -> None: ..."
    if method == "websocket":
        before = before.replace("mine()", "mine(socket: Socket)")
    return _returns("register_routes", "mine", before)


_WAY = """
class Way:
    name, label, kind, provisioning_rules = "password", "x", "form", ProvisioningRules()
    async def authenticate(self, attempt): ...
"""
_READER = """
class Reader:
    kind, prefix = "x", "{}"
    async def authenticate(self, token): ...
    async def still_valid(self, session_ids): ...
"""

CONFLICTS: dict[str, Broken] = {
    "aa_route": _claims(
        "GET /api/config belongs to 'accounts'",
        _route("/api/config"),
        "route_prefixes=('/api/config',)",
    ),
    "aa_chat": _claims(
        "GET /api/v1/chats/{} belongs to 'chats'",
        _route("/api/v1/chats/{x:int}"),
        "route_prefixes=('/api/v1/chats',)",
    ),
    "aa_health": _claims(
        "GET /health belongs to 'portico'", _route("/health"), "route_prefixes=('/health',)"
    ),
    "aa_docs": _claims(
        "GET /openapi.json belongs to", _route("/openapi.json"), "route_prefixes=('/openapi.json',)"
    ),
    "aa_fallback": _claims(
        "fallback / belongs to 'frontend'",
        _returns(
            "register_fallbacks",
            "Fallback('/', respond)",
            "from portico.api.web import Fallback\nasync def respond(scope, path): ...",
        ),
        "route_prefixes=('/',)",
    ),
    "aa_kind": _claims(
        "resource kind chat belongs to 'chats'",
        _returns("register_resources", "ResourceKind('chat', '', ('read',))"),
    ),
    "aa_policy": _claims(
        "policy file models.csv belongs to 'models'",
        _returns("register_policies", "PackagedPolicy('portico_policies', 'models.csv')"),
    ),
    "aa_service": _claims(
        "service WorkspaceModels belongs to 'models'",
        _returns(
            "register_services",
            "Service(WorkspaceModels, Models())",
            "class Models:\n    def __getattr__(self, name): return print",
        ),
    ),
    "aa_way": _claims(
        "auth provider password belongs to 'password'",
        _returns("register_auth_providers", "Way()", _WAY),
    ),
    "aa_token": _claims(
        "token prefix sk- belongs to 'api_keys'",
        _returns("register_token_authenticators", "Reader()", _READER.format("sk-")),
    ),
    "aa_overlap": _claims(
        "token prefix 'sk' overlaps",
        _returns("register_token_authenticators", "Reader()", _READER.format("sk")),
    ),
    "aa_event": _claims(
        "socket event usage belongs to 'models'",
        _returns(
            "register_socket_events",
            "SocketEvent('usage', None, told)",
            "async def told(socket, payload): ...",
        ),
        "socket_prefixes=('usage',)",
    ),
    "aa_check": _claims(
        "health check database belongs to 'portico'",
        _returns(
            "register_health_checks", "HealthCheck('database', probe)", "async def probe(): ..."
        ),
    ),
    "aa_transfer": _claims(
        "transfer kind accounts belongs to 'accounts'",
        _returns(
            "register_transfer_kinds",
            "Mine()",
            "from portico.api.transfer import TransferKind\nclass Mine(TransferKind):\n    name = 'accounts'\n"
            "    async def export(self, scope): yield []\n    async def import_batch(self, records, run): return []",
        ),
    ),
    "aa_setting": _claims(
        "setting ENABLE_SIGNUP belongs to|setting ui.enable_signup belongs to",
        "class Mine(Section):\n    sign_up: Annotated[bool, setting('x', env='ENABLE_SIGNUP', runtime_key='ui.enable_signup')] = True\n"
        "@hookimpl\ndef register_settings():\n    return Mine",
    ),
    "aa_former": _claims("plugin name chats belongs to 'chats'", "", "formerly=('chats',)"),
    "aa_foreign": _claims(
        "deletes old rows of chats_chat, a table of another plugin",
        _returns("register_retention", "Retention('chats_chat', 'created_at', 1)"),
    ),
    "aa_double": _claims(
        "it registers health check x twice",
        _returns(
            "register_health_checks",
            "HealthCheck('x', probe), HealthCheck('x', probe)",
            "async def probe(): ...",
        ),
    ),
}
