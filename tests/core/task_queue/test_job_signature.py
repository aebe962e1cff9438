"""Only what a process with the secret key has signed names a task, and arq is not imported where it is not used."""

import subprocess
import sys
from typing import Any

import pytest

from portico.settings.section import Secret
from portico.task_queue.job_signature import FUNCTION, JobSigner
from portico.testing import SECRET
from portico.testing.processes import bare_environment

JOB = {"f": FUNCTION, "a": ("task-1",), "k": {}, "t": None, "et": 1_790_000_000_000}


def named(signer: JobSigner, data: bytes) -> Any:
    """Return the id of the task that a job names."""
    return signer.load(data)["a"][0]


def test_signed_job_names_its_task() -> None:
    signer = JobSigner(Secret(SECRET))
    assert signer.load(signer.dump(JOB)) == JOB
    assert signer.rejected == 0


@pytest.mark.case("AB-62")
def test_job_that_was_changed_or_signed_with_another_key_names_no_task() -> None:
    signer, other = JobSigner(Secret(SECRET)), JobSigner(Secret(SECRET[::-1]))
    signed = signer.dump(JOB)
    forged = [other.dump(JOB), signed[:-1], signed[:32], signed + b"x", b"", b"x" * 100]
    forged += [
        signed[:at] + bytes([signed[at] ^ 1]) + signed[at + 1 :] for at in range(len(signed))
    ]
    assert {named(signer, data) for data in forged} == {""}
    assert signer.rejected == len(forged)


def test_result_of_a_job_is_not_stored() -> None:
    assert JobSigner(Secret(SECRET)).dump(JOB | {"r": ValueError("secret"), "s": False}) == b""


def test_server_does_not_import_arq_before_there_are_workers() -> None:
    code = (
        "import sys\nfrom portico.app import Portico\nfrom portico.settings.load import load_settings\n"
        "loaded = load_settings(environ={'REDIS_URL': 'redis://127.0.0.1:1/0', 'WEBUI_SECRET_KEY': "
        f"{SECRET!r}}})\nPortico(loaded, loaded.settings.identity.secret_key)\nprint('arq' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=bare_environment(), capture_output=True, text=True
    )
    assert done.stdout == "False\n", done.stderr
