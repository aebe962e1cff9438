"""The event loop of servers and workers. It goes on when a task or a callback of a plugin exits."""

from collections.abc import Callable

import uvloop


class ExitProofLoop(uvloop.Loop):
    """uvloop's loop, which `SystemExit` and `KeyboardInterrupt` of a task or a callback would end, with its process.

    `on_exit`: returns whether a plugin raised this, so that the loop goes on; None = all of them end the loop.
    """

    on_exit: Callable[[BaseException], bool] | None = None

    def run_forever(self) -> None:
        """Run until the loop is stopped. Raises: an exit that no plugin raised."""
        while True:
            try:
                super().run_forever()
                return
            except (SystemExit, KeyboardInterrupt) as error:
                if self.on_exit is None or not self.on_exit(error):
                    raise
