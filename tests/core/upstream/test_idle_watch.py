"""Streams whose provider falls silent are ended, and those that wait for their client are not."""

import asyncio

from portico.upstream.idle_watch import IdleWatch


class Stream:
    def __init__(self, watch: IdleWatch) -> None:
        self.watch = watch
        self.waits_since: int | None = None
        self.ended = asyncio.Event()

    def on_silence(self) -> None:
        self.watch.discard(self)
        self.ended.set()


def test_silent_stream_is_ended_and_others_go_on() -> None:
    async def story() -> None:
        watch = IdleWatch(0.04)
        silent, talking, at_rest = Stream(watch), Stream(watch), Stream(watch)
        for one in (silent, talking, at_rest):
            watch.add(one)
        silent.waits_since = watch.tick
        while not silent.ended.is_set():
            talking.waits_since = watch.tick
            await asyncio.sleep(0)
        assert watch.tick >= 4
        assert not (talking.ended.is_set() or at_rest.ended.is_set())

    asyncio.run(story())


def test_watch_without_streams_has_no_timer_and_begins_again() -> None:
    async def story() -> None:
        watch = IdleWatch(0.004)
        for _ in range(2):
            stream = Stream(watch)
            watch.add(stream)
            stream.waits_since = watch.tick
            await stream.ended.wait()
            tick = watch.tick
            await asyncio.sleep(0.01)
            assert watch.tick <= tick + 1

    asyncio.run(story())
