"""The example plugin, used as its author's users would: installed beside Portico, in an environment of its own."""

import subprocess
from pathlib import Path

import pytest

from portico.testing import Server

ECHO = Path(__file__).parents[2] / "examples" / "portico-echo"
