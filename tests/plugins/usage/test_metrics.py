"""Figures of usage for monitoring: bounded in number, whatever models there are."""

from tests.plugins.usage.conftest import Ask, Rows, made_record

from portico.testing import Client
from portico_usage.components import UsagePlugin
from portico_usage.traffic import Traffic


def test_metrics_show_calls_tokens_and_the_time_to_the_first_token(
    ask: Ask, admin: Client, rows: Rows, usage: UsagePlugin
) -> None:
    ask(admin)
    ask(admin, "status-500")
    rows("usage_call")
    text = admin.get("/metrics").body.decode()
    lines = [line for line in text.splitlines() if "_usage_" in line and not line.startswith("#")]
    figures = dict(line.rpartition(" ")[::2] for line in lines)

    def value(*parts: str) -> str:
        [found] = [figures[name] for name in figures if all(part in name for part in parts)]
        return found

    assert value("calls_total", 'model="reasoning"', 'outcome="completed"') == "1.0"
    assert value("calls_total", 'model="status-500"', 'outcome="failed"') == "1.0"
    assert value("tokens_total", 'model="reasoning"', 'kind="output"') == "2.0"
    assert value("first_token_seconds_count") in ("1.0", "2.0")


def test_long_id_of_a_model_is_cut_off() -> None:
    traffic = Traffic()
    traffic.count(made_record(base_model="m" * 1_000_000 + tail) for tail in "ab")
    [calls] = [one for one in traffic.metrics() if one.name == "calls_total"]
    assert calls.read() == {("m" * 120, "s", "completed"): 2}


def test_figures_of_more_than_a_hundred_models_are_added_up() -> None:
    traffic = Traffic()
    traffic.count(made_record(base_model=f"m{number}") for number in range(150))
    [calls] = [one for one in traffic.metrics() if one.name == "calls_total"]
    found = calls.read()
    assert isinstance(found, dict)
    assert len(found) == 101 and found["other", "s", "completed"] == 50
