"""Fixtures for all tests. `tests.database_choice` says which tests run on SQLite, on PostgreSQL, or on both."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.bytecode import pytest_stop_keeping  # noqa: F401 - a hook, and what is imported later is kept
from tests.commands import command  # noqa: F401 - a fixture
from tests.database_choice import pytest_choose_databases  # noqa: F401 - a hook
from tests.database_templates import Templates
from tests.effort import choose_effort
from tests.engines import ENVIRONMENT, choose
from tests.forked_processes import is_forking_chosen, share_imports
from tests.installed_plugins import check_entry_points
from tests.pgbouncer import (  # noqa: F401 - fixtures
    pgbouncer,
    pgbouncer_program,
    seen_by_applications,
)
from tests.postgres_proxy import PostgresProxy
from tests.preloaded_workers import pytest_xdist_setupnodes  # noqa: F401 - a hook
from tests.recycled_databases import RecycledDatabases
from tests.redis_server import RedisServer, redis_url
from tests.servers import fresh_database, postgres_server
from tests.shared_routes import share_routes
from tests.sharing import share
from tests.skipped_dependencies import pytest_terminal_summary  # noqa: F401 - a hook
from tests.temporary_plugins import install  # noqa: F401 - a fixture
from tests.upgrade.recording import (  # noqa: F401 - hooks
    pytest_configure,
    pytest_runtest_teardown,
)
from tests.upstream import Upstream
from tests.workers import (  # noqa: F401 - hooks
    pytest_collection_finish,
    pytest_collection_modifyitems,
    pytest_xdist_auto_num_workers,
    pytest_xdist_make_scheduler,
)

from portico.boot import Application
from portico.testing import InProcessApp, ServerProcess

# Some tests import it as a module, and others load its fixtures as a plugin of pytest.
pytest.register_assert_rewrite("tests.environments")
check_entry_points()
choose()
share()
share_routes()
choose_effort()
if is_forking_chosen():
    share_imports()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a real PostgreSQL server."""
    with postgres_server(forgetful=True) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of the database of a test: "" for SQLite in the data directory, else a fresh PostgreSQL database.

    It is empty, unless a fixture of the test creates the schema from the templates.
    """
    if request.param == "sqlite":
        yield ""
        return
    postgres: str = request.getfixturevalue("postgres")
    if "templates" not in request.fixturenames:
        with fresh_database(postgres) as url:
            yield seen_by_applications(url, request)
        return
    recycled: RecycledDatabases = request.getfixturevalue("recycled")
    url = recycled.next_url((request.path, *request.fixturenames))
    yield seen_by_applications(url, request)
    recycled.release(url)


@pytest.fixture(scope="session")
def sqlite_templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return Templates(lambda: tmp_path_factory.mktemp("template"))


@pytest.fixture(scope="session")
def recycled(postgres: str) -> Iterator[RecycledDatabases]:
    databases = RecycledDatabases(postgres)
    yield databases
    databases.close()


@pytest.fixture(scope="session")
def postgres_templates(postgres: str, recycled: RecycledDatabases) -> Iterator[Templates]:
    with ExitStack() as made:
        yield Templates(lambda: made.enter_context(fresh_database(postgres)), recycled)


@pytest.fixture
def templates(request: pytest.FixtureRequest, database_url: str) -> Templates:
    """Databases whose schema is complete before they are opened."""
    kind = "postgres" if database_url else "sqlite"
    found: Templates = request.getfixturevalue(f"{kind}_templates")
    return found


@pytest.fixture
def env(env: dict[str, str], database_url: str) -> dict[str, str]:
    """The settings of `portico.testing`, for both databases."""
    return env | ({"DATABASE_URL": database_url} if database_url else ENVIRONMENT)


@pytest.fixture
def complete_schema(templates: Templates) -> Callable[[Application], None]:
    """What an `InProcessApp` calls before its start, so that its database has a complete schema then."""

    def prepare(portico: Application) -> None:
        settings = portico.settings
        templates.create(settings.database.url, Path(settings.data_dir), portico.table_sets)

    return prepare


@pytest.fixture
def app(
    env: dict[str, str], complete_schema: Callable[[Application], None]
) -> Iterator[InProcessApp]:
    """The application of `portico.testing`, on a database whose schema is already complete."""
    opened = InProcessApp(env, complete_schema)
    yield opened
    opened.close()


@pytest.fixture
def server(env: dict[str, str], tmp_path: Path, templates: Templates) -> Iterator[ServerProcess]:
    """The server process of `portico.testing`, on a database whose schema is already complete."""
    templates.create_for(env)
    process = ServerProcess(env, tmp_path).start()
    yield process
    process.kill()


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """A real provider of models, with its own port."""
    with Upstream() as running:
        yield running


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[str]:
    """The URL of a Redis that many tests share; each uses its own prefix."""
    with redis_url() as url:
        yield url


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """A Redis for one test, which may stop it."""
    server = RedisServer().start()
    yield server
    server.close()


@pytest.fixture
def proxy(postgres: str) -> Iterator[PostgresProxy]:
    """A port before a database of its own, at which PostgreSQL can be made silent or cut off."""
    with fresh_database(postgres) as url, PostgresProxy(url) as proxy:
        yield proxy


@pytest.fixture
def cluster() -> Iterator[RedisServer]:
    """A Redis cluster of one node, which has all slots."""
    server = RedisServer("--cluster-enabled", "yes").start()
    server.form_cluster()
    yield server
    server.close()


@pytest.fixture
def sentinel(redis: RedisServer, tmp_path: Path) -> Iterator[RedisServer]:
    """A sentinel that watches `redis` under the name `primary`."""
    file = tmp_path / "sentinel.conf"
    file.write_text(f"sentinel monitor primary 127.0.0.1 {redis.port} 1\n")
    server = RedisServer(str(file), "--sentinel").start()
    yield server
    server.close()
