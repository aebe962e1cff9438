"""The leaderboard: what is counted, and how strong models are."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.plugins.evaluations.conftest import FEEDBACK, ROOT, form, new_chat, rate, rows, scores

from portico.testing import Client, CommandLine, InProcessApp
from portico_evaluations.leaderboard import ranked, strengths


def test_strength_does_not_depend_on_order_and_few_comparisons_say_little() -> None:
    clear = {("a", "b"): (30, 3), ("c", "b"): (3, 30)}
    turned = {("b", "c"): (30, 3), ("b", "a"): (3, 30)}
    found = strengths(clear)
    assert found == pytest.approx(strengths(turned), rel=1e-4)
    assert found["a"] > found["b"] > found["c"]
    assert found["a"] / found["b"] == pytest.approx(10, rel=0.3)
    once, often = strengths({("a", "b"): (1, 0)}), strengths({("a", "b"): (100, 0)})
    assert 1 < once["a"] < often["a"] < 1000

    (first, second, third, alone) = ranked(clear | {("d", ""): (4, 1), ("a", ""): (30, 3)})
    assert [first.model_id, second.model_id, third.model_id, alone.model_id] == ["a", "b", "c", "d"]
    assert first.rating is not None and first.rating > 1000
    assert (first.won, first.lost, second.won, second.lost) == (30, 3, 33, 33)
    assert (alone.rating, alone.thumbs_up, alone.thumbs_down) == (None, 4, 1)


def test_only_models_and_tags_within_limits_are_counted(
    app: InProcessApp, admin: Client, ann: Client
) -> None:
    rate(ann, new_chat(ann, "gone", "alpha"), sibling_model_ids=["alpha"])
    rate(ann, new_chat(ann, "alpha", "gone"), sibling_model_ids=["gone"])
    # The same model twice: nothing is compared.
    rate(ann, new_chat(ann, "beta", "beta"), -1, sibling_model_ids=["beta"])
    picked = new_chat(ann, "arena-model", selectedModelId="gamma")
    tags = ["", "  ", "A" * 65, *(f"T{number}" for number in range(20)), "t1"]
    assert rate(ann, picked, tags=tags, meta={"arena": True})["data"]["model_id"] == "gamma"

    assert scores(admin) == {
        "alpha": (0, 0, 1, 0), "beta": (0, 0, 0, 1), "gamma": (0, 0, 1, 0),
    }  # fmt: skip
    board = admin.get(f"{ROOT}/leaderboard?tag=T1").json
    assert board["tag"] == "t1" and [one["model_id"] for one in board["models"]] == ["gamma"]
    assert board["tags"] == [{"tag": f"t{number}", "ratings": 1} for number in range(8)]
    for tag in ("%27%20OR%201=1", "%00", "x" * 5000, "T9"):
        assert admin.get(f"{ROOT}/leaderboard?tag={tag}").json["models"] == [], tag
    assert len(rows(app, "evaluations_score")) == 2 + 9


def test_command_prints_what_the_route_returns(
    app: InProcessApp, admin: Client, ann: Client, cli: CommandLine
) -> None:
    assert "no ratings" in cli("evaluation", "leaderboard").stderr
    rate(ann, new_chat(ann, "alpha", "beta"), sibling_model_ids=["beta"], tags=["x"])
    first, second = cli("evaluation", "leaderboard", "--tag", "X").stdout.splitlines()
    assert first.startswith("alpha  rating 1") and first.endswith("liked 1, disliked 0")
    assert second.startswith("beta  rating ") and "won 0, lost 1" in second
    route = admin.get(f"{ROOT}/leaderboard").json
    assert json.loads(cli("evaluation", "leaderboard", "--json").stdout) == route


@pytest.mark.both_databases
def test_concurrent_ratings_are_all_counted(
    app: InProcessApp, admin: Client, ann: Client, bob: Client
) -> None:
    chats = [(user, new_chat(user, "alpha", "beta")) for user in (ann, bob) for _ in range(6)]

    def change(number: int) -> int:
        user, chat_id = chats[number % len(chats)]
        reply, other = ("r0", "beta") if number % 2 else ("r1", "alpha")
        sent = form(
            chat_id, 1 if number % 3 else -1, reply=reply, sibling_model_ids=[other], tags=["x"]
        )
        made = user.post(FEEDBACK, sent)
        return (
            user.delete(f"{FEEDBACK}/{made.json['id']}").status if number % 5 == 0 else made.status
        )

    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(change, range(60))) <= {200, 404}

    expected: dict[str, list[int]] = {"alpha": [0, 0], "beta": [0, 0]}
    for row in rows(app, "evaluations_feedback"):
        expected[row["model_id"]][0 if row["rating"] > 0 else 1] += 1
    found = {model: list(counts[2:]) for model, counts in scores(admin, "x").items()}
    assert found == expected
    owned = {row["user_id"]: row["feedbacks"] for row in rows(app, "evaluations_owner")}
    assert sum(owned.values()) == sum(map(sum, expected.values()))

    with ThreadPoolExecutor(4) as threads:
        both = list(threads.map(lambda _: ann.delete(f"{FEEDBACK}s").json, range(4)))
    assert both.count(True) <= 1  # one of them deletes all, the others find nothing
    kept = [row for row in rows(app, "evaluations_feedback") if row["rating"] > 0]
    assert sum(counts[2] for counts in scores(admin, "x").values()) == len(kept)
    assert all(row["won"] + row["lost"] > 0 for row in rows(app, "evaluations_score"))
