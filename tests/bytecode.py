"""Compiled modules are kept for other processes and the next run, even with PYTHONDONTWRITEBYTECODE.

Compiling the tests takes ten seconds of computing time in each worker. Server processes of the tests keep what they
compile in any case. Modules that tests create, and may change within a second, are not kept.
"""

import sys

import pytest

_IS_FORBIDDEN = sys.dont_write_bytecode
#: Imported by `conftest.py` before all that is worth keeping.
sys.dont_write_bytecode = False


@pytest.hookimpl(specname="pytest_collection_finish")
def pytest_stop_keeping() -> None:
    """From now on, the choice of the environment is respected."""
    sys.dont_write_bytecode = _IS_FORBIDDEN
