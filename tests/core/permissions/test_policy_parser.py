"""Reading the policies: every mistake is named with its place, and a bad set changes nothing."""

import logging
import sys
from pathlib import Path

import pytest
from tests.core.permissions.conftest import NOTE, NOTE_POLICIES

from portico.permissions import InvalidPolicy, PackagedPolicy, Permissions, PolicyRule
from portico.permissions.policies.files import packaged_files
from portico.permissions.policies.parser import MAX_RULES, ParsedPolicies, parse_files

KINDS = {"note": NOTE}


def read_policies(policies: list[PackagedPolicy | PolicyRule]) -> ParsedPolicies:
    return parse_files(KINDS, packaged_files(policies))


@pytest.fixture
def policy_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PackagedPolicy:
    """A packaged file `policies_for_test/notes.csv`; write its text with `write`."""
    monkeypatch.delitem(sys.modules, "policies_for_test", raising=False)
    package = tmp_path / "policies_for_test"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "notes.csv").touch()
    monkeypatch.syspath_prepend(tmp_path)
    return PackagedPolicy("policies_for_test", "notes.csv")


def write(policy_file: PackagedPolicy, tmp_path: Path, text: str | bytes) -> None:
    data = text.encode() if isinstance(text, str) else text
    (tmp_path / policy_file.package / policy_file.name).write_bytes(data)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("p, note, read", "3 fields where 5 are expected: p, kind, action, subject, effect"),
        ("p, note, read, reader, allow, now", "6 fields where 5 are expected"),
        ("q, note, read, reader, allow", "it begins with 'q'; a rule begins with `p` or `g`"),
        ("g, role:user, role:clerk, allow", "4 fields where 3 are expected: g, subject, role"),
        (
            "g, role:user, role:admin",
            "'role:admin' is a role of accounts; a role rule cannot give it",
        ),
        ("g, owner, role:clerk", "there is no subject 'owner'"),
        (
            "g, role:user, clerk",
            "'clerk' is not a valid role: write `role:` and a word of your own",
        ),
        ("p, note, read, group:a.b, allow", "'a.b' is not a valid id of a group"),
        (
            "p, note, read, permission:workspace.model, allow",
            "there is no permission 'workspace.model'; did you mean 'workspace.models'?",
        ),
        ("p, nate, read, reader, allow", "there is no kind 'nate'; did you mean 'note'?"),
        (
            "p, note, raed, reader, allow",
            "there is no action of 'note' 'raed'; did you mean 'read'?",
        ),
        ("p, note, read, redaer, allow", "there is no subject 'redaer'; did you mean 'reader'?"),
        ("p, note, read, role:root, allow", "there is no subject 'role:root'"),
        ("p, note, read, reader, maybe", "there is no effect 'maybe'; there is allow, deny"),
        ('p, note, read, "reader", allow', "use a lower-case word, without quotes"),
        ("p, note, read, eval(reader), allow", "use a lower-case word, without quotes"),
        ("p, note, , reader, allow", "'' is not a valid action"),
    ],
)
@pytest.mark.case("FT-31")
def test_invalid_line_is_rejected_with_file_line_and_reason(
    text: str, reason: str, policy_file: PackagedPolicy, tmp_path: Path
) -> None:
    write(policy_file, tmp_path, f"# notes\n\np, note, read, owner, allow\n{text}\n")

    with pytest.raises(InvalidPolicy) as refusal:
        read_policies([policy_file])

    (fault,) = refusal.value.faults
    assert fault.startswith("policies_for_test/notes.csv:4: ")
    assert reason in fault


def test_all_faults_are_reported_at_once(policy_file: PackagedPolicy, tmp_path: Path) -> None:
    write(policy_file, tmp_path, "p, note\np, note, read, owner, allow\nq\n")

    with pytest.raises(InvalidPolicy) as refusal:
        read_policies([policy_file, PolicyRule("gone", "read", "owner")])

    places = [fault.split(": ")[0] for fault in refusal.value.faults]
    assert places == [
        "policies_for_test/notes.csv:1",
        "policies_for_test/notes.csv:3",
        "line `p, gone, read, owner, allow`",
    ]


@pytest.mark.case("FT-31")
def test_random_bytes_and_missing_files_are_rejected(
    policy_file: PackagedPolicy, tmp_path: Path
) -> None:
    write(policy_file, tmp_path, bytes(range(256)) * 16)
    missing = PackagedPolicy("portico_policies", "gone.csv")

    with pytest.raises(InvalidPolicy) as refusal:
        read_policies([policy_file, missing, PackagedPolicy("no_such_package", "x.csv")])

    assert len(refusal.value.faults) == 3


@pytest.mark.case("FT-31")
def test_too_many_rules_are_rejected(policy_file: PackagedPolicy, tmp_path: Path) -> None:
    write(policy_file, tmp_path, "p,note,read,owner,allow\n" * (MAX_RULES + 1))

    with pytest.raises(InvalidPolicy, match=f"at most {MAX_RULES}"):
        read_policies([policy_file])


@pytest.mark.case("AB-83")
def test_wildcard_subject_of_a_plugin_is_rejected() -> None:
    with pytest.raises(InvalidPolicy):
        read_policies([PolicyRule("*", "*", "*")])


@pytest.mark.case("FT-31")
def test_invalid_policies_leave_the_active_ones() -> None:
    permissions = Permissions()
    before = permissions.activate_packaged([NOTE], NOTE_POLICIES)

    with pytest.raises(InvalidPolicy):
        permissions.activate_packaged([NOTE], [*NOTE_POLICIES, PolicyRule("note", "read", "other")])

    assert permissions.policies is before


def test_empty_policies_allow_nothing() -> None:
    policies = Permissions().policies

    assert not policies.action_rules("note", "read").allows(frozenset({"role:admin", "owner"}))


def test_unknown_action_or_kind_is_denied() -> None:
    policies = Permissions().activate_packaged([NOTE], [PolicyRule("*", "*", "role:admin")])

    assert policies.action_rules("note", "read").allows(frozenset({"role:admin"}))
    assert not policies.action_rules("note", "paint").allows(frozenset({"role:admin"}))
    assert not policies.action_rules("picture", "read").allows(frozenset({"role:admin"}))


def test_casbin_logs_no_denials(caplog: pytest.LogCaptureFixture) -> None:
    policies = Permissions().activate_packaged([NOTE], NOTE_POLICIES)

    with caplog.at_level(logging.DEBUG):
        assert not policies.casbin_enforcer.enforce("note", "read", frozenset({"role:user"}))

    assert not caplog.records
