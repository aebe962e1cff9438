"""Permission trees: defaults and groups."""

import msgspec
import pytest

from portico.identity import PermissionDefaults, allows, effective
from portico.identity.groups.permission_tree import (
    MAX_COMBINATIONS,
    EffectivePermissionsCache,
    default_tree,
)
from portico.settings.load import load_settings

#: Source: the permission table of the clients' contract, section by section; `chat.import` is our own.
WORDS = {
    "workspace": "models knowledge prompts tools models_import models_export prompts_import prompts_export "
    "tools_import tools_export",
    "sharing": "models public_models knowledge public_knowledge prompts public_prompts tools public_tools notes "
    "public_notes",
    "chat": "controls valves system_prompt params file_upload delete delete_message continue_response "
    "regenerate_response rate_response edit share export import stt tts call multiple_models temporary temporary_enforced",
    "features": "api_keys notes folders channels direct_tool_servers web_search image_generation code_interpreter",
}
OFF = {
    "chat.temporary_enforced",
    "chat.call",
    "features.api_keys",
    "features.direct_tool_servers",
}


def test_default_tree_has_every_permission_of_the_clients() -> None:
    tree = default_tree(PermissionDefaults())
    assert {section: set(words) for section, words in tree.items()} == {
        section: set(words.split()) for section, words in WORDS.items()
    }


def test_defaults_allow_chats_and_no_sharing() -> None:
    for section, words in default_tree(PermissionDefaults()).items():
        for word, value in words.items():
            on = section in ("chat", "features") and f"{section}.{word}" not in OFF
            assert value is on, f"{section}.{word}"


def test_every_default_permission_has_a_variable() -> None:
    variables: list[str] = []
    for field in msgspec.structs.fields(PermissionDefaults):
        shape = msgspec.inspect.type_info(field.type)
        assert isinstance(shape, msgspec.inspect.Metadata) and shape.extra is not None
        names = shape.extra["env"]
        assert all(name.startswith("USER_PERMISSIONS_") for name in names)
        variables.append(names[0])
    assert len(set(variables)) == len(variables)
    assert "USER_PERMISSIONS_WORKSPACE_MODELS_ACCESS" in variables
    assert "USER_PERMISSIONS_NOTES_ALLOW_SHARING" in variables


def test_sharing_variables_of_knowledge_and_notes_fall_back_to_the_shared_ones() -> None:
    shared = {
        "USER_PERMISSIONS_WORKSPACE_KNOWLEDGE_ALLOW_PUBLIC_SHARING": "true",
        "USER_PERMISSIONS_NOTES_ALLOW_PUBLIC_SHARING": "true",
    }
    own = {
        "USER_PERMISSIONS_WORKSPACE_KNOWLEDGE_ALLOW_SHARING": "false",
        "USER_PERMISSIONS_NOTES_ALLOW_SHARING": "false",
    }
    for environ, expected in ((shared, True), (shared | own, False), ({}, False)):
        loaded = load_settings(environ=environ)
        sharing = default_tree(loaded.settings.permissions)["sharing"]
        assert sharing["knowledge"] is sharing["notes"] is expected
        fields = {
            "sharing_knowledge",
            "sharing_public_knowledge",
            "sharing_notes",
            "sharing_public_notes",
        }
        assert loaded.explicitly_set("permissions") == (fields if environ else set())


def test_groups_add_permissions_and_never_remove_them() -> None:
    defaults = {"a": {"on": True, "off": False}}
    assert effective(defaults, [{"a": {"on": False, "off": True}}]) == {
        "a": {"on": True, "off": True}
    }
    assert effective(defaults, [{"a": {"off": True}}, {"a": {"off": False}}])["a"]["off"]
    assert defaults == {"a": {"on": True, "off": False}}


def test_permissions_only_a_group_has_are_kept() -> None:
    tree = effective({"a": {"b": False}}, [{"echo": {"shout": True}}, {"a": {"c": False}}])
    assert tree == {"a": {"b": False, "c": False}, "echo": {"shout": True}}
    assert allows(tree, "echo.shout")


@pytest.mark.case("AB-31")
@pytest.mark.parametrize("grant", [{"a": {"b": "no"}}, {"a": {"b": 1}}, {"a": {"b": [True]}}, {"a": "b"}, {"a": True},
                                   {"a": None}, {"a": {"b": {"c": True}}}, [], "a.b", None, 5])  # fmt: skip
def test_only_true_grants(grant: object) -> None:
    assert not allows(effective({"a": {"b": False}}, [grant]), "a.b")


@pytest.mark.parametrize("permission", ["", "a", "a.", ".b", "a.x", "x.b", "a.b.c"])
def test_unknown_permission_is_not_granted(permission: str) -> None:
    assert not allows({"a": {"b": True}}, permission)
    assert allows({"a": {"b": True}}, "a.b")


def test_damaged_permissions_grant_nothing() -> None:
    trees = EffectivePermissionsCache(default_tree(PermissionDefaults()))
    assert trees.of(("{not json", "[]", '{"workspace":{"models":true}}')).tree["workspace"][
        "models"
    ]
    assert trees.of(("{not json",)).tree == trees.defaults


def test_effective_permissions_are_cached_up_to_a_limit() -> None:
    trees = EffectivePermissionsCache(default_tree(PermissionDefaults()))
    granted = ('{"workspace":{"models":true}}',)
    assert trees.of(granted) is trees.of(granted)
    assert msgspec.json.decode(trees.of(granted).json) == trees.of(granted).tree
    for number in range(MAX_COMBINATIONS + 10):
        trees.of((f'{{"x":{{"w{number}":true}}}}',))
    assert len(trees._cached) <= MAX_COMBINATIONS
