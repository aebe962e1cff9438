"""What another process does in the test of the first administrator: `python -m … <url> <dir> <prefix> <n>`."""

import asyncio
import sys
from pathlib import Path

from tests.engines import choose

from portico.db import DatabaseSettings, open_database
from portico.events import EventBus
from portico.identity import Identity
from portico.settings.identity import IdentitySettings
from portico.settings.section import Secret


async def main(url: str, directory: str, prefix: str, number: int) -> None:
    """Make many accounts at once, as soon as a line arrives, and print their roles."""
    database = open_database(DatabaseSettings(url=url, pool_size=8), Path(directory))
    await database.start()
    identity = Identity(
        IdentitySettings(),
        Secret("first-accounts-in-tests-only-0123456789abc"),
        EventBus(lambda owner, handle, event: None),
    )
    with database.use():
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        made = await asyncio.gather(
            *(
                identity.accounts.create(
                    name=f"{prefix}{one}", email=f"{prefix}{one}@example.org", password_hash="x"
                )
                for one in range(number)
            )
        )
    print(" ".join(account.role for account in made), flush=True)
    await database.stop()


if __name__ == "__main__":
    choose()
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
