"""Tasks over HTTP and on the command line: their owners see and end them, and others do not know of them."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from tests.core.tasks.conftest import TaskKinds, kinds  # noqa: F401 - a fixture
from tests.plugins.policy_admin.conftest import put_policy_file

from portico.db import execute
from portico.tasks import TaskFailed, TaskRun
from portico.testing import Client, CommandLine, InProcessApp

JOBS = "/api/v1/tasks/jobs"
Create = Callable[..., str]


@pytest.fixture
def create(app: InProcessApp, kinds: TaskKinds) -> Create:  # noqa: F811
    """`create(owner, "word")` creates a task that waits for an hour."""

    async def run(run: TaskRun, work: Any) -> None:
        await run.report(1, 2, "half")

    for word in ("wait", "other"):
        kinds.add(word, run)

    def create(owner: Client | None, word: str = "wait", delay: float = 3600.0, **more: Any) -> str:
        user_id = owner.account["id"] if owner else None
        make = partial(app.portico.tasks.create, user_id=user_id, delay=delay, **more)
        return str(app.run(make, f"test:{word}"))

    return create


def ids(client: Client, query: str = "") -> list[str]:
    """Return the ids of a page, without the tasks of the server itself."""
    page = client.get(f"{JOBS}?{query}").json
    return [task["id"] for task in page["tasks"] if task["name"].startswith("test:")]


@pytest.mark.both_databases
@pytest.mark.case("AB-60")
def test_account_sees_and_ends_its_own_tasks_only(
    admin: Client, user: Client, create: Create
) -> None:
    mine, theirs = create(user), create(admin)
    assert ids(user) == [mine]
    assert set(ids(admin)) == {mine, theirs}
    for path, method in (("", "GET"), ("/cancel", "POST"), ("/retry", "POST")):
        foreign = user.request(method, f"{JOBS}/{theirs}{path}")
        unknown = user.request(method, f"{JOBS}/no-such-task{path}")
        assert foreign.status == unknown.status == 404
        assert foreign.json == unknown.json
    assert admin.get(f"{JOBS}/{theirs}").json["status"] == "pending"
    assert user.get(f"{JOBS}?before={theirs}").status == 404
    assert admin.post(f"{JOBS}/{mine}/cancel").json["status"] == "cancelled"


def test_task_is_shown_with_its_state_and_without_its_content(
    app: InProcessApp, user: Client, create: Create
) -> None:
    task_id = create(user, delay=0.0, item="chat-1")
    app.run(app.portico.tasks.run_due)
    shown = user.get(f"{JOBS}/{task_id}").json
    assert (shown["name"], shown["item"], shown["status"]) == ("test:wait", "chat-1", "completed")
    assert shown["progress"] == {"done": 1, "total": 2, "text": "half"}
    assert shown["finished_at"] >= shown["started_at"] >= shown["created_at"]
    assert shown.keys().isdisjoint({"arguments", "result", "instance_id"})


def test_cancelled_task_runs_again_after_retry(
    app: InProcessApp, user: Client, create: Create
) -> None:
    task_id = create(user)
    assert user.post(f"{JOBS}/{task_id}/retry").status == 400
    assert user.post(f"{JOBS}/{task_id}/cancel").json["status"] == "cancelled"
    assert user.post(f"{JOBS}/{task_id}/retry").status == 200
    app.run(app.portico.tasks.run_due)
    assert user.get(f"{JOBS}/{task_id}").json["status"] == "completed"
    assert user.post(f"{JOBS}/{task_id}/cancel").status == 400


@pytest.mark.both_databases
def test_failed_task_says_why(
    app: InProcessApp,
    user: Client,
    kinds: TaskKinds,  # noqa: F811
    create: Create,
) -> None:
    async def refuse(run: TaskRun, work: Any) -> None:
        raise TaskFailed("There is no such chat.")

    kinds.add("refuse", refuse)
    task_id = create(user, "refuse", delay=0.0)
    app.run(app.portico.tasks.run_due)
    shown = user.get(f"{JOBS}/{task_id}").json
    assert (shown["status"], shown["error"]) == ("failed", "There is no such chat.")


@pytest.mark.both_databases
def test_list_is_filtered_and_has_pages(user: Client, create: Create) -> None:
    made = [create(user, item=f"chat-{number % 2}") for number in range(55)]
    other = create(user, "other")
    first = user.get(f"{JOBS}?name=test:wait").json
    rest = user.get(f"{JOBS}?name=test:wait&before={first['next']}").json
    assert len(first["tasks"]) == 50
    assert rest["next"] is None
    assert {task["id"] for task in first["tasks"] + rest["tasks"]} == set(made)
    assert ids(user, "name=test:other") == [other]
    assert len(ids(user, "item=chat-1")) == 27
    user.post(f"{JOBS}/{other}/cancel")
    assert ids(user, "status=cancelled") == [other]
    assert ids(user, "item=%27%3B--") == []


@pytest.mark.parametrize("query", ["status=gone", "status=%00", "name=%00", "item=%00"])
def test_unusable_filter_is_refused(user: Client, query: str) -> None:
    assert user.get(f"{JOBS}?{query}").status == 422


@pytest.mark.parametrize("task_id", ["%00", "a%00b", "x" * 500, "..%2F", "%FF"])
def test_unusual_id_is_of_no_task(user: Client, task_id: str) -> None:
    assert user.get(f"{JOBS}/{task_id}").status == 404


def test_rule_can_forbid_what_owners_may_do(admin: Client, user: Client, create: Create) -> None:
    task_id = create(user)
    put_policy_file(admin, "tasks_fixed.csv", "p, task, cancel, owner, deny\n")
    assert user.post(f"{JOBS}/{task_id}/cancel").status == 403
    assert user.get(f"{JOBS}/{task_id}").status == 200
    put_policy_file(admin, "tasks_fixed.csv", "p, task, read, owner, deny\n")
    assert user.get(f"{JOBS}/{task_id}").status == 404
    assert ids(user) == []


@pytest.mark.both_databases
def test_tasks_are_shown_and_ended_on_the_command_line(
    app: InProcessApp, user: Client, create: Create, cli: CommandLine
) -> None:
    task_id = create(user, item="chat-1")
    listed = json.loads(cli("task", "list", "--name", "test:wait", "--json").stdout)
    assert [task["id"] for task in listed["tasks"]] == [task_id]
    assert "test:wait" in cli("task", "list", "--status", "pending").stdout
    assert "status    pending" in cli("task", "show", task_id).stdout
    assert "The task is cancelled." in cli("task", "cancel", task_id).stderr
    assert "status    cancelled" in cli("task", "show", task_id, "--follow", code=1).stdout
    cli("task", "retry", task_id)
    app.run(app.portico.tasks.run_due)
    followed = cli("task", "show", task_id, "--follow")
    assert "status    completed" in followed.stdout
    assert "progress  1 of 2 half" in followed.stdout
    assert "test:wait" in followed.stderr
    cli("task", "show", "no-such-task", code=1)


def test_texts_of_tasks_are_safe_for_a_terminal(
    app: InProcessApp, user: Client, create: Create, cli: CommandLine
) -> None:
    task_id = create(user, item="\x1b[2Jgone\nagain")
    app.run(execute, "UPDATE portico_task SET error = $1 WHERE id = $2", "\x1b]0;x\x07", task_id)
    for words in (("list",), ("show", task_id)):
        assert "\x1b" not in cli("task", *words).stdout


@pytest.mark.parametrize("command", [("show",), ("retry",), ("cancel",), ("list", "--name")])
def test_argument_that_is_no_utf8_is_refused_in_words(
    app: InProcessApp, command: tuple[str, ...], cli: CommandLine
) -> None:
    said = cli("task", *command, "\udcff", code=1).stderr
    assert "Portico cannot do that:" in said
    assert "Traceback" not in said
