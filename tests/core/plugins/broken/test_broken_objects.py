"""Plugins whose objects raise whatever they are asked, wherever that is: each fails alone, with its file and line."""

import pytest
from tests.core.plugins.broken.conftest import Start
from tests.core.plugins.broken.object_cases import OBJECTS
from tests.core.plugins.broken.test_broken_plugins import check_all


@pytest.mark.both_databases
@pytest.mark.case("AB-82")
def test_plugins_whose_objects_raise_fail_alone(start_with: Start) -> None:
    check_all(start_with(OBJECTS), OBJECTS)
