"""When a source is asked, by how its last calls ended."""

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from portico.errors import RateLimited, SourceFailed, SourceTimedOut
from portico.gateway.circuit_breaker import CircuitBreaker
from portico.settings.gateway import GatewaySettings

SETTINGS = GatewaySettings(breaker_failures=3, breaker_seconds=10, max_retry_after=60)
DOWN = SourceFailed("It is down.")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def breaker(**changes: float) -> tuple[CircuitBreaker, Clock]:
    clock = Clock()
    settings: GatewaySettings = msgspec.structs.replace(SETTINGS, **changes)
    return CircuitBreaker(settings, clock), clock


def opened() -> tuple[CircuitBreaker, Clock]:
    one, clock = breaker()
    for _ in range(3):
        one.failed("a", DOWN)
    return one, clock


def test_breaker_opens_after_failures_in_a_row_and_says_when_to_try_again() -> None:
    one, clock = breaker()
    assert [one.failed("a", DOWN) for _ in range(3)] == [False, False, True]
    clock.now += 2.5
    refusal = one.refusal("a")
    assert isinstance(refusal, SourceFailed)
    assert (refusal.detail, refusal.retry_after) == ("It is down.", 8)
    assert (one.state, one.failures, one.remaining_seconds) == ("open", 3, 7.5)


def test_answer_in_between_resets_the_count() -> None:
    one, _ = breaker()
    for _ in range(5):
        one.failed("a", DOWN)
        one.failed("a", DOWN)
        one.answered()
    assert one.state == "closed" and one.refusal("a") is None


def test_breaker_without_a_limit_never_opens() -> None:
    one, _ = breaker(breaker_failures=0)
    for _ in range(100):
        one.failed("a", DOWN)
    assert one.state == "closed" and one.refusal("a") is None


def test_open_breaker_repeats_a_timeout_as_one() -> None:
    one, _ = breaker()
    for _ in range(3):
        one.failed("a", SourceTimedOut("It is slow."))
    assert isinstance(one.refusal("a"), SourceTimedOut)


def test_model_that_did_not_fail_is_asked_while_the_breaker_is_open() -> None:
    one, _ = opened()
    assert one.refusal("b") is None
    one.failed("b", DOWN)
    assert one.refusal("b") is not None
    assert one.refusal("c") is None


def test_one_probe_is_let_through_and_closes_the_breaker() -> None:
    one, clock = opened()
    clock.now += 10
    assert one.state == "half_open" and one.refusal("a") is None
    assert one.begin("a")
    assert one.refusal("a") is not None
    one.answered()
    assert one.state == "closed" and one.refusal("a") is None
    assert not one.begin("a")


def test_failed_probe_opens_the_breaker_again() -> None:
    one, clock = opened()
    clock.now += 10
    one.begin("a")
    one.failed("a", DOWN, is_probe=True)
    assert one.state == "open" and one.remaining_seconds == 10
    clock.now += 10
    assert one.refusal("a") is None


def test_failure_of_a_call_that_began_before_does_not_keep_the_breaker_open() -> None:
    one, clock = opened()
    clock.now += 9
    one.failed("a", DOWN)
    clock.now += 1
    assert one.refusal("a") is None


def test_cancelled_probe_lets_the_next_request_through() -> None:
    one, clock = opened()
    clock.now += 10
    one.released(one.begin("a"))
    assert one.refusal("a") is None and one.state == "half_open"


def test_probe_that_takes_long_does_not_keep_others_back_for_ever() -> None:
    one, clock = opened()
    clock.now += 10
    one.begin("a")
    clock.now += 9
    assert one.refusal("a") is not None
    clock.now += 1
    assert one.refusal("a") is None and one.begin("a")


def test_limit_is_obeyed_for_its_model_only() -> None:
    one, clock = breaker()
    one.limited("a", RateLimited(7, "It is over its limit."))
    clock.now += 1.5
    refusal = one.refusal("a")
    assert isinstance(refusal, RateLimited)
    assert (refusal.detail, refusal.retry_after) == ("It is over its limit.", 6)
    assert one.refusal("b") is None
    one.answered()
    assert one.refusal("a") is not None
    clock.now += 5.5
    assert one.refusal("a") is None and one.paused_models() == {}


def test_longest_of_several_limits_is_obeyed() -> None:
    one, _ = breaker()
    one.limited("a", RateLimited(30))
    one.limited("a", RateLimited(5))
    one.limited("a", RateLimited(60, is_estimate=True))
    assert one.paused_models() == {"a": 30}


def test_longest_retry_after_is_bounded() -> None:
    one, clock = breaker()
    one.limited("a", RateLimited(86400))
    assert one.paused_models() == {"a": 60}
    clock.now += 60
    assert one.refusal("a") is None


def test_source_that_does_not_say_for_how_long_is_only_asked_last() -> None:
    one, clock = breaker()
    one.limited("a", RateLimited(5, is_estimate=True))
    assert one.refusal("a") is None and one.is_second_choice("a")
    assert not one.is_second_choice("b")
    clock.now += 5
    assert not one.is_second_choice("a")


def test_time_that_a_failed_source_names_is_obeyed_at_once() -> None:
    one, clock = breaker()
    one.failed("a", SourceFailed("It is busy.", retry_after=20))
    refusal = one.refusal("a")
    assert isinstance(refusal, SourceFailed) and refusal.retry_after == 20
    clock.now += 20
    assert one.refusal("a") is None


def test_source_that_was_seen_to_work_is_asked_at_once() -> None:
    one, _ = opened()
    one.limited("b", RateLimited(60))
    one.failed("a", DOWN, is_probe=True)
    one.allow_probe()
    assert one.refusal("a") is None and one.refusal("b") is None


class BreakerStates(RuleBasedStateMachine):
    """Calls of two models begin and end in any order, while time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker, self.clock = breaker()
        self.running: list[tuple[str, int, float]] = []
        self.in_a_row = 0
        self.failed_models: set[str] = set()
        self.limits: dict[str, float] = {}
        self.opened_at: float | None = None

    @rule(model=st.sampled_from("ab"))
    def begin(self, model: str) -> None:
        if self.breaker.refusal(model) is None:
            self.running.append((model, self.breaker.begin(model), self.clock.now))

    @rule(seconds=st.sampled_from([0.5, 3.0, 10.0, 60.0]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    def _end(self, data: st.DataObject) -> tuple[str, int]:
        model, probe, _ = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        return model, probe

    def _closed(self) -> None:
        self.in_a_row, self.failed_models, self.opened_at = 0, set(), None

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        self._end(data)
        self.breaker.answered()
        self._closed()

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        model, probe = self._end(data)
        self.breaker.failed(model, DOWN, is_probe=bool(probe))
        self.failed_models.add(model)
        self.in_a_row += 1
        if probe if self.opened_at is not None else self.in_a_row >= 3:
            self.opened_at = self.clock.now

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        _, probe = self._end(data)
        before = self.breaker.state, self.breaker.failures
        self.breaker.released(probe)
        assert (self.breaker.state, self.breaker.failures) == before

    @precondition(lambda self: self.running)
    @rule(data=st.data(), seconds=st.sampled_from([1, 30]))
    def limit(self, data: st.DataObject, seconds: int) -> None:
        model, _ = self._end(data)
        self.breaker.limited(model, RateLimited(seconds))
        self.limits[model] = max(self.limits.get(model, 0), self.clock.now + seconds)
        self._closed()

    @invariant()
    def refuses_only_with_a_reason(self) -> None:
        now = self.clock.now
        for model in "ab":
            is_limited = now < self.limits.get(model, 0)
            may_be_refused = self.opened_at is not None and model in self.failed_models
            is_refused = self.breaker.refusal(model) is not None
            if is_limited or (
                may_be_refused and self.opened_at is not None and now < self.opened_at + 10
            ):
                assert is_refused
            elif not may_be_refused:
                assert not is_refused

    @invariant()
    def state_is_what_the_last_calls_make_it(self) -> None:
        if self.opened_at is None:
            assert self.breaker.state == "closed"
        else:
            is_open = self.clock.now < self.opened_at + 10
            assert self.breaker.state == ("open" if is_open else "half_open")

    @invariant()
    def at_most_one_probe_begins_in_its_time(self) -> None:
        begun = [at for _, probe, at in self.running if probe]
        assert all(later - earlier >= 10 for earlier, later in zip(begun, begun[1:], strict=False))

    def teardown(self) -> None:
        """It never refuses for ever: every time that it waits for is over."""
        self.clock.now += 61
        assert [self.breaker.refusal(model) for model in "ab"] == [None, None]


TestBreakerStates = BreakerStates.TestCase
