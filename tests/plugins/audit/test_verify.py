"""`portico audit verify`: of the database and of an exported file."""

import json
from pathlib import Path

import pytest

from portico.audit import AuditSealer
from portico.db import execute
from portico.testing import Client, CommandLine, InProcessApp


@pytest.mark.case("AB-85")
def test_tampering_is_found_in_the_database_and_in_an_export(
    app: InProcessApp, admin: Client, cli: CommandLine, tmp_path: Path
) -> None:
    sealer: AuditSealer = app.portico.audit_sealer
    admin.add_user("Ben")
    app.run(sealer.seal)
    report = json.loads(cli("audit", "verify", "--json").stdout)
    assert (report["findings"], report["unsealed"]) == ([], 0) and report["entries"] > 1
    seal = report["newest_seal"]
    admin.add_user("Eve")
    app.run(sealer.seal)
    cli("audit", "verify", "--known-seal", seal)

    whole, filtered = tmp_path / "whole.ndjson", tmp_path / "filtered.ndjson"
    cli("audit", "export", whole)
    cli("audit", "export", "--event", "account.created", filtered)
    said = cli("audit", "verify", whole)
    assert "Nothing was tampered with." in said.stdout
    said = cli("audit", "verify", filtered)
    assert "exported with filters" in said.stderr

    lines = whole.read_text().splitlines(keepends=True)
    number = json.loads(lines[0])["number"]
    for changed, finding in (
        ([lines[0].replace("Eve", "Bob"), *lines[1:]], f"entry {number} was changed"),
        (lines[1:], f"entry {number} was deleted"),
        ([*lines[:-2], lines[-1]], "is missing"),
        (lines[:-1], "the end of the chain is missing"),
    ):
        whole.write_text("".join(changed))
        said = cli("audit", "verify", whole, code=1)
        assert finding in said.stderr, said
    filtered.write_text(filtered.read_text().replace("Eve", "Bob"))
    assert f"entry {number} was changed" in cli("audit", "verify", filtered, code=1).stderr
    filtered.write_text("no JSON\n")
    said = cli("audit", "verify", filtered, code=1)
    assert "line 1 is no line of an exported audit log" in said.stderr

    app.run(execute, "UPDATE portico_audit SET author = 'eve' WHERE number = $1", number)
    said = cli("audit", "verify", "--known-seal", seal.replace(":", ":0"), code=1)
    assert f"entry {number} was changed" in said.stderr
    assert "the log does not have the seal" in said.stderr
