"""Accounts, a shared model, a chat, a folder and a group, and for each route a request that succeeds with access."""

import itertools
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from portico.testing import PASSWORD, Client, InProcessApp

#: What one request needs: the path with its query, and the body; bytes = a form with a file.
Ask = tuple[str, Any]
FORM = {"content-type": "multipart/form-data; boundary=b"}
A_FILE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="notes.txt"\r\n\r\nHi\r\n--b--\r\n'

CALLERS = ("anonymous", "pending", "user", "other", "reader", "writer", "admin")
KEY = {"name": "script"}
PROFILE = {"name": "Some User", "profile_image_url": "/user.png"}
PASSWORDS = {"password": PASSWORD, "new_password": PASSWORD}
PAGE = "p, model, read, user:absent, allow\n"
#: A provider at which people could sign in, were it there.
PROVIDER = {
    "OAUTH_CLIENT_ID": "portico",
    "OAUTH_CLIENT_SECRET": "secret",
    "OPENID_PROVIDER_URL": "http://127.0.0.1:9/.well-known/openid-configuration",
}
AUTHORS = {
    "workspace": {"models": True, "models_import": True, "models_export": True, "prompts": True},
    "sharing": {"models": True, "prompts": True},
    "features": {"api_keys": True},
}


class Scene:
    """One application with all accounts. What a request may destroy is created again for each."""

    def __init__(self, app: InProcessApp) -> None:
        self.app = app
        self._numbers = itertools.count()
        self.callers: dict[str, Client] = {"anonymous": app.client}
        self.callers["admin"] = app.client.sign_up("Admin")
        for name in CALLERS[1:-1]:
            role = "pending" if name == "pending" else "user"
            self.callers[name] = self.admin.add_user(name.title(), role=role)
        self.readers = self.group("reader")
        self.writers = self.group("writer")
        self.authors = self.group("user", permissions=AUTHORS)
        self.base = "good"
        opened = {"id": self.base, "name": "Base", "meta": {}, "params": {}, "access_control": None}
        assert self.admin.post("/api/v1/models/create", opened).status == 200

    @property
    def admin(self) -> Client:
        return self.callers["admin"]

    def group(self, *members: str, permissions: Any = None) -> str:
        form = {"name": f"g{next(self._numbers)}", "description": "", "permissions": permissions}
        group = self.admin.post("/api/v1/groups/create", form).json["id"]
        ids = {"user_ids": [self.callers[one].account["id"] for one in members]}
        assert self.admin.post(f"/api/v1/groups/id/{group}/users/add", ids).status == 200
        return str(group)

    def own_connection(self) -> dict[str, str]:
        """The first connection, as an administrator sees it."""
        config = self.admin.get("/openai/config").json
        return {
            "url": config["OPENAI_API_BASE_URLS"][0],
            "key": config["OPENAI_API_KEYS"][0],
        }

    def name(self) -> str:
        """An id that no account has."""
        return f"New{next(self._numbers)}"

    @property
    def shared(self) -> dict[str, Any]:
        """Access for readers and writers."""
        return {"read": {"group_ids": [self.readers]}, "write": {"group_ids": [self.writers]}}

    def model_form(self, **more: Any) -> dict[str, Any]:
        form = {"id": self.name().lower(), "name": "M", "base_model_id": self.base, "meta": {}}
        return form | {"params": {}, "access_control": self.shared} | more

    def model(self) -> dict[str, Any]:
        """The user's, shared with readers and writers."""
        form = self.model_form()
        assert self.callers["user"].post("/api/v1/models/create", form).status == 200
        return form

    def prompt_form(self) -> dict[str, Any]:
        command = self.name().lower()
        return {"command": command, "title": "T", "content": "C", "access_control": self.shared}

    def prompt(self) -> str:
        """The command of one of the user's, shared with readers and writers."""
        form = self.prompt_form()
        assert self.callers["user"].post("/api/v1/prompts/create", form).status == 200
        return str(form["command"])

    def memory(self) -> str:
        """The id of one of the user's."""
        form = {"content": "Likes tea"}
        return str(self.callers["user"].post("/api/v1/memories/add", form).json["id"])

    def changed_model(self) -> str:
        """The id of one of the user's models that has a past: what it was before change 2."""
        form = self.model()
        assert self.callers["user"].post("/api/v1/models/model/update", form).status == 200
        return str(form["id"])

    def template(self) -> str:
        """The user's."""
        form = {"name": self.name(), "params": {"temperature": 1}}
        answer = self.callers["user"].post("/api/v1/models/templates/create", form)
        return str(answer.json["id"])

    def chat(self) -> str:
        """The user's."""
        answer = self.callers["user"].post("/api/v1/chats/new", {"chat": {"title": "Mine"}})
        return str(answer.json["id"])

    def folder(self) -> str:
        """The user's."""
        return str(self.callers["user"].post("/api/v1/folders/", {"name": self.name()}).json["id"])

    def file(self) -> str:
        """The user's."""
        owner = self.callers["user"]
        return str(owner.request("POST", "/api/v1/files/", body=A_FILE, headers=FORM).json["id"])

    def share(self) -> str:
        """The id under which one of the user's chats is shared."""
        return str(self.callers["user"].post(f"/api/v1/chats/{self.chat()}/share").json["id"])

    def page(self) -> str:
        """The name of a page of policies that is kept in the database."""
        self.saved()
        return "ours.csv"

    def saved(self) -> int:
        """The number of a version of the policies."""
        answer = self.admin.request("PUT", "/api/v1/policies/files/ours.csv", json={"text": PAGE})
        return int(answer.json["version"])

    def defaults(self) -> Any:
        """The default permissions as they are."""
        return self.admin.get("/api/v1/users/default/permissions").json

    def key(self) -> str:
        """The id of one of the user's."""
        return str(self.callers["user"].post("/api/v1/auths/api_keys", KEY).json["id"])

    def task(self) -> str:
        """The user's, and it was cancelled."""
        tasks, owner = self.app.portico.tasks, self.callers["user"]
        create = partial(tasks.create, user_id=owner.account["id"], delay=3600.0)
        task_id = str(self.app.run(create, next(iter(tasks.types))))
        assert owner.post(f"/api/v1/tasks/jobs/{task_id}/cancel").json["status"] == "cancelled"
        return task_id

    def budget_form(self) -> Any:
        """A budget that no call exceeds, of a new model."""
        form = self.model()
        return {"subject": f"model:{form['id']}", "unit": "requests", "period": "day", "limit": 9e9}

    def budget(self) -> str:
        """The id of one that limits no call."""
        return str(self.admin.post("/api/v1/budgets", self.budget_form()).json["id"])

    def feedback_form(self) -> Any:
        """A rating of a reply in a new chat of the user's."""
        reply = {
            "id": "r",
            "parentId": None,
            "childrenIds": [],
            "role": "assistant",
            "content": "Hi",
        }
        chat = {"history": {"messages": {"r": reply}, "currentId": "r"}}
        made = self.callers["user"].post("/api/v1/chats/new", {"chat": chat})
        meta = {"chat_id": made.json["id"], "message_id": "r"}
        return {"type": "rating", "data": {"rating": 1}, "meta": meta}

    def feedback(self) -> str:
        """The id of one of the user's."""
        made = self.callers["user"].post("/api/v1/evaluations/feedback", self.feedback_form())
        return str(made.json["id"])

    def config(self) -> Any:
        """What administrators set, as it is."""
        return self.admin.get("/api/v1/auths/admin/config").json

    def generation_config(self) -> Any:
        """The settings of generation, as they are."""
        return self.admin.get("/api/v1/tasks/config").json

    def spare_account(self) -> str:
        """The id of an account that may be changed or deleted."""
        return str(self.admin.add_user(self.name()).account["id"])


LDAP = {
    "label": "People",
    "host": "localhost",
    "app_dn": "cn=portico",
    "app_dn_password": "x",
    "search_base": "dc=example",
}


def credentials(name: str) -> dict[str, str]:
    return {"name": name, "email": f"{name.lower()}@example.org", "password": PASSWORD}


def amendment(scene: Scene) -> dict[str, Any]:
    form = credentials(scene.name())
    return form | {"role": "user", "profile_image_url": "/user.png"}


def group_form(scene: Scene) -> dict[str, Any]:
    return {"name": scene.name(), "description": ""}


#: What is generated, by the paths of the routes.
GENERATED = ("title", "follow_up", "tags", "queries", "auto", "emoji", "image_prompt", "moa")


def generation(scene: Scene, path: str) -> Ask:
    messages = [{"role": "user", "content": "Hello"}]
    about = {"model": scene.model()["id"], "messages": messages}
    return path, about | {"prompt": "Hello", "responses": ["Hi"]}


def about_ollama(scene: Scene, path: str, *, form: Any) -> Ask:
    return path, form


def turn(scene: Scene, path: str) -> Ask:
    messages = [{"role": "user", "content": "Hello"}]
    more = {"stream": False, "max_tokens": 9}
    return path, {"model": scene.model()["id"], "messages": messages, **more}


def embedding(scene: Scene, path: str) -> Ask:
    return path, {"model": scene.model()["id"], "input": "Hello"}


def finished_turn(scene: Scene, path: str) -> Ask:
    ids = {"chat_id": scene.chat(), "id": "a-message", "session_id": "s"}
    return path, {"model": scene.model()["id"], "messages": [], **ids}


def one_model(scene: Scene, path: str) -> Ask:
    return f"{path}?id={scene.model()['id']}", None


def one_version(scene: Scene, path: str) -> Ask:
    return f"{path}?id={scene.changed_model()}&number=2", None


def restoration(scene: Scene, path: str) -> Ask:
    return path, {"id": scene.changed_model(), "number": 2}


def application(scene: Scene, path: str) -> Ask:
    return path, {"id": scene.model()["id"], "template": "translator"}


#: Requests of routes that need more than their path.
#: Method, path below /ollama and body of requests about models of an Ollama server. What is deleted was made before.
OLLAMA_REQUESTS: list[tuple[str, str, Any]] = [
    ("POST", "api/show", {"model": "llama3"}),
    ("POST", "api/chat", {"model": "llama3", "messages": []}),
    ("POST", "api/generate", {"model": "llama3", "prompt": "Hello"}),
    ("POST", "api/embed", {"model": "llama3", "input": "Hello"}),
    ("POST", "api/embeddings", {"model": "llama3", "prompt": "Hello"}),
    ("POST", "v1/chat/completions", {"model": "llama3", "messages": []}),
    ("POST", "v1/completions", {"model": "llama3", "prompt": "Hello"}),
    ("POST", "api/pull", {"model": "llama3"}),
    ("POST", "api/push", {"model": "llama3"}),
    ("DELETE", "api/push", {"model": "llama3"}),
    ("POST", "api/create", {"model": "made", "from": "llama3"}),
    ("POST", "api/copy", {"source": "llama3", "destination": "copied"}),
    ("DELETE", "api/delete", {"model": "made"}),
    ("POST", "api/unload", {"model": "llama3"}),
    ("POST", "models/download", {"url": "https://files.example.org/x"}),
]

REQUESTS: Mapping[tuple[str, str], Callable[[Scene, str], Ask]] = {
    ("POST", "/api/v1/auths/signin"): lambda s, path: (path, credentials("Other")),
    ("POST", "/api/v1/auths/signup"): lambda s, path: (path, credentials(s.name())),
    ("POST", "/api/v1/auths/add"): lambda s, path: (path, credentials(s.name())),
    ("POST", "/api/v1/auths/update/profile"): lambda s, path: (path, PROFILE),
    ("POST", "/api/v1/auths/update/password"): lambda s, path: (path, PASSWORDS),
    ("POST", "/api/v1/auths/update/timezone"): lambda s, path: (
        path,
        {"timezone": "Europe/Lisbon"},
    ),
    ("POST", "/api/v1/auths/admin/config"): lambda s, path: (path, s.config()),
    ("POST", "/api/v1/auths/ldap"): lambda s, path: (path, {"user": "ada", "password": "x"}),
    ("POST", "/api/v1/auths/admin/config/ldap"): lambda s, path: (path, {"enable_ldap": False}),
    ("POST", "/api/v1/auths/admin/config/ldap/server"): lambda s, path: (path, LDAP),
    ("POST", "/openai/config/update"): lambda s, path: (path, s.admin.get("/openai/config").json),
    ("POST", "/openai/verify"): lambda s, path: (path, s.own_connection()),
    ("POST", "/openai/chat/completions"): turn,
    ("POST", "/api/v1/auths/api_keys"): lambda s, path: (path, KEY),
    ("POST", "/api/v1/auths/api_keys/{key_id}/update"): lambda s, path: (path, KEY),
    ("POST", "/api/v1/budgets"): lambda s, path: (path, s.budget_form()),
    ("PATCH", "/api/v1/budgets/{budget_id}"): lambda s, path: (path, {"limit": 7}),
    ("POST", "/api/v1/evaluations/feedback"): lambda s, path: (path, s.feedback_form()),
    ("POST", "/api/v1/evaluations/feedback/{feedback_id}"): lambda s, path: (
        path,
        {"type": "rating"},
    ),
    ("POST", "/api/v1/evaluations/config"): lambda s, path: (path, {}),
    ("POST", "/api/webhook"): lambda s, path: (path, {"url": ""}),
    ("GET", "/api/v1/models/model"): one_model,
    ("POST", "/api/v1/models/model/toggle"): one_model,
    ("GET", "/api/v1/models/model/profile/image"): one_model,
    ("GET", "/api/v1/models/model/versions"): one_model,
    ("GET", "/api/v1/models/model/version"): one_version,
    ("POST", "/api/v1/models/model/restore"): restoration,
    ("POST", "/api/v1/models/model/apply-template"): application,
    ("POST", "/api/v1/models/templates/create"): lambda s, path: (path, {"name": s.name()}),
    ("POST", "/api/v1/models/templates/{template_id}/update"): lambda s, path: (
        path,
        {"name": s.name()},
    ),
    ("POST", "/api/v1/models/create"): lambda s, path: (path, s.model_form()),
    ("POST", "/api/v1/models/model/update"): lambda s, path: (path, s.model()),
    ("POST", "/api/v1/models/model/delete"): lambda s, path: (path, {"id": s.model()["id"]}),
    ("POST", "/api/v1/models/import"): lambda s, path: (path, {"models": [s.model_form()]}),
    ("POST", "/api/v1/models/sync"): lambda s, path: (f"{path}?dry_run=true", {"models": []}),
    ("POST", "/api/v1/prompts/create"): lambda s, path: (path, s.prompt_form()),
    ("POST", "/api/v1/prompts/command/{command}/update"): lambda s, path: (path, {"title": "New"}),
    ("POST", "/api/v1/memories/add"): lambda s, path: (path, {"content": "Likes coffee"}),
    ("POST", "/api/v1/memories/query"): lambda s, path: (path, {"content": "coffee"}),
    ("POST", "/api/v1/memories/{memory_id}/update"): lambda s, path: (path, {"content": "Tea"}),
    ("POST", "/api/chat/completions"): turn,
    ("POST", "/api/v1/chat/completions"): turn,
    ("POST", "/api/v1/messages"): turn,
    ("POST", "/api/v1/messages/count_tokens"): turn,
    ("POST", "/api/v1/responses"): embedding,
    ("POST", "/api/embeddings"): embedding,
    ("POST", "/api/v1/embeddings"): embedding,
    ("POST", "/api/chat/completed"): finished_turn,
    ("POST", "/api/chat/actions/{action_id}"): finished_turn,
    ("POST", "/api/v1/configs/banners"): lambda s, path: (path, {"banners": []}),
    ("POST", "/api/v1/configs/suggestions"): lambda s, path: (path, {"suggestions": []}),
    ("PATCH", "/api/v1/configs/settings"): lambda s, path: (path, {"values": {}}),
    ("POST", "/api/v1/configs/import"): lambda s, path: (f"{path}?dry_run=true", {"config": {}}),
    ("POST", "/api/v1/configs/models"): lambda s, path: (path, s.admin.get(path).json),
    ("POST", "/api/v1/configs/connections"): lambda s, path: (path, s.admin.get(path).json),
    ("POST", "/api/v1/tasks/config/update"): lambda s, path: (path, s.generation_config()),
    **{("POST", f"/api/v1/tasks/{what}/completions"): generation for what in GENERATED},
    ("POST", "/api/v1/usage/prices"): lambda s, path: (path, {"prices": {}}),
    ("POST", "/api/v1/users/user/settings/update"): lambda s, path: (path, {"ui": {}}),
    ("POST", "/api/v1/users/user/info/update"): lambda s, path: (path, {"location": "here"}),
    ("POST", "/api/v1/users/user/status/update"): lambda s, path: (path, {"status_emoji": "x"}),
    ("POST", "/api/v1/users/{user_id}/update"): lambda s, path: (
        path.replace("{user_id}", s.spare_account()),
        amendment(s),
    ),
    ("DELETE", "/api/v1/users/{user_id}/sessions"): lambda s, path: (
        path.replace("{user_id}", s.spare_account()),
        None,
    ),
    ("DELETE", "/api/v1/users/{user_id}"): lambda s, path: (
        path.replace("{user_id}", s.spare_account()),
        None,
    ),
    ("GET", "/api/v1/policies/explain"): lambda s, path: (
        f"{path}?user=user@example.org&action=read&kind=model&id={s.model()['id']}",
        None,
    ),
    ("GET", "/api/v1/policies/who-can"): lambda s, path: (f"{path}?action=create&kind=model", None),
    ("POST", "/api/v1/policies/preview"): lambda s, path: (path, {"files": {"ours.csv": PAGE}}),
    ("PUT", "/api/v1/policies/files/{name}"): lambda s, path: (path, {"text": PAGE}),
    ("POST", "/api/v1/policies/rollback"): lambda s, path: (path, {"version": 0}),
    ("POST", "/api/v1/groups/create"): lambda s, path: (path, group_form(s)),
    ("POST", "/api/v1/groups/import"): lambda s, path: (path, group_form(s)),
    ("POST", "/api/v1/groups/id/{group_id}/update"): lambda s, path: (path, group_form(s)),
    ("POST", "/api/v1/groups/id/{group_id}/users/add"): lambda s, path: (path, {"user_ids": []}),
    ("POST", "/api/v1/groups/id/{group_id}/users/remove"): lambda s, path: (path, {"user_ids": []}),
    ("POST", "/api/v1/users/default/permissions"): lambda s, path: (path, s.defaults()),
    ("GET", "/api/v1/chats/search"): lambda s, path: (f"{path}?text=mine", None),
    ("POST", "/api/v1/chats/new"): lambda s, path: (path, {"chat": {"title": "New"}}),
    ("POST", "/api/v1/chats/import"): lambda s, path: (path, [{"chat": {"title": "Old"}}]),
    ("POST", "/api/v1/chats/{chat_id}"): lambda s, path: (path, {"chat": {"title": "Other"}}),
    ("POST", "/api/v1/chats/{chat_id}/messages/{message_id}"): lambda s, path: (
        path,
        {"content": "Hi"},
    ),
    ("POST", "/api/v1/chats/{chat_id}/messages/{message_id}/event"): lambda s, path: (
        path,
        {"type": "status", "data": {}},
    ),
    ("POST", "/api/v1/chats/{chat_id}/folder"): lambda s, path: (path, {"folder_id": s.folder()}),
    ("POST", "/api/v1/chats/{chat_id}/tags"): lambda s, path: (path, {"name": "Travel"}),
    ("DELETE", "/api/v1/chats/{chat_id}/tags"): lambda s, path: (path, {"name": "Travel"}),
    ("POST", "/api/v1/chats/tags"): lambda s, path: (path, {"name": "Travel"}),
    ("POST", "/api/v1/files"): lambda s, path: (path, A_FILE.replace(b"notes", b"other")),
    ("GET", "/api/v1/files/search"): lambda s, path: (
        f"{path}?filename=notes*",
        s.file() and None,
    ),
    ("POST", "/api/v1/files/{file_id}/data/content/update"): lambda s, path: (
        path,
        {"content": "Ho"},
    ),
    ("POST", "/api/v1/folders"): lambda s, path: (path, {"name": s.name()}),
    ("POST", "/api/v1/folders/{folder_id}/update"): lambda s, path: (path, {"name": s.name()}),
    ("POST", "/api/v1/folders/{folder_id}/update/parent"): lambda s, path: (
        path,
        {"parent_id": s.folder()},
    ),
    ("POST", "/api/v1/folders/{folder_id}/update/expanded"): lambda s, path: (
        path,
        {"is_expanded": True},
    ),
    ("POST", "/api/v1/chats/{chat_id}/clone"): lambda s, path: (path, {}),
    ("POST", "/ollama/config/update"): lambda s, path: (path, s.admin.get("/ollama/config").json),
    ("POST", "/ollama/verify"): lambda s, path: (
        path,
        {"url": s.admin.get("/ollama/config").json["OLLAMA_BASE_URLS"][0]},
    ),
    **{
        (method, f"/ollama/{path}{index}"): partial(about_ollama, form=form)
        for method, path, form in OLLAMA_REQUESTS
        for index in ("", "/{url_idx}")
    },
}

#: What stands for a parameter of a path.
PARAMETERS: Mapping[str, Callable[[Scene], str]] = {
    "{name}": Scene.page,
    "{provider}": lambda _: "oidc",
    "{number}": lambda s: str(s.saved()),
    "{group_id}": Scene.group,
    "{user_id}": lambda s: str(s.callers["user"].account["id"]),
    "{key_id}": Scene.key,
    "{budget_id}": Scene.budget,
    "{command}": Scene.prompt,
    "{feedback_id}": Scene.feedback,
    "{memory_id}": Scene.memory,
    "{chat_id}": Scene.chat,
    "{message_id}": lambda _: "a-message",
    "{file_id}": Scene.file,
    "{file_name}": lambda _: "notes.txt",
    "{folder_id}": Scene.folder,
    "{share_id}": Scene.share,
    "{template_id}": Scene.template,
    "{task_id}": Scene.task,
    "{source_name}": lambda s: s.admin.get("/api/v1/sources").json["sources"][0]["name"],
    "{url_idx}": lambda _: "0",
    "{model_id}": lambda s: str(s.model()["id"]),
}


def options(body: Any) -> dict[str, Any]:
    """How a client sends this body."""
    return {"body": body, "headers": FORM} if isinstance(body, bytes) else {"json": body}


def ask(scene: Scene, method: str, path: str) -> Ask:
    """A request to this route about something of the user's."""
    made, body = path, None
    if build := REQUESTS.get((method, path)):
        made, body = build(scene, path)
    for parameter, make in PARAMETERS.items():
        if parameter in made:
            made = made.replace(parameter, make(scene))
    return made, body
