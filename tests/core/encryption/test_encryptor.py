"""What is locked opens with the right key, for what it belongs to, and not otherwise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.encryption import DecryptionError, Encryptor, configured_key_ring, make_key_ring
from portico.encryption.encryptor import PREFIX_CHARS
from portico.settings.schema import IdentitySettings
from portico.settings.secret_key import WeakSecret
from portico.settings.section import Secret

OLD, NEW = Secret("the-old-key-0123-zyxwvutsrqponmlk"), Secret("the-new-key-4567-abcdefghijklmnop")
TEXT = "sk-this-is-what-a-provider-gave-us"


def vault(*secrets: Secret) -> Encryptor:
    return Encryptor(lambda: make_key_ring(secrets))


@given(text=st.text(), about=st.text())
def test_every_text_comes_back_as_it_was(text: str, about: str) -> None:
    one = vault(OLD)
    assert one.decrypt(one.encrypt(text, about), about) == text


@pytest.mark.parametrize("odd", ["", "\x00", "\ud800", "a" * 200_000])
def test_odd_texts_come_back_too(odd: str) -> None:
    one = vault(OLD)
    assert one.decrypt(one.encrypt(odd, "x"), "x") == odd


def test_a_locked_text_says_its_version_and_key_and_nothing_of_itself() -> None:
    one = vault(OLD)
    locked = one.encrypt(TEXT, "keys:1")
    version, key, rest = locked.split(".")
    assert (version, key) == ("v1", one.current_id)
    assert len(f"{version}.{key}.") == PREFIX_CHARS
    assert TEXT not in locked
    assert OLD.reveal() not in repr(one.key_ring)
    assert rest.replace("-", "").replace("_", "").isalnum()


def test_the_same_text_looks_different_each_time() -> None:
    one = vault(OLD)
    assert len({one.encrypt(TEXT, "x") for _ in range(100)}) == 100


def test_it_opens_for_nothing_else() -> None:
    """Somebody who can write rows puts Ada's token into their own."""
    one = vault(OLD)
    with pytest.raises(DecryptionError, match="belongs to another context"):
        one.decrypt(one.encrypt(TEXT, "oauth:ada"), "oauth:eve")


def test_another_key_cannot_open_it_and_says_which_one_it_needs() -> None:
    locked = vault(OLD).encrypt(TEXT, "x")
    with pytest.raises(DecryptionError, match=vault(OLD).current_id):
        vault(NEW).decrypt(locked, "x")


def test_whatever_is_changed_in_it_makes_it_unreadable_and_nothing_of_it_is_said() -> None:
    one = vault(OLD)
    locked = one.encrypt(TEXT, "x")
    for place in range(len(locked)):
        for other in "A.":
            damaged = locked[:place] + other + locked[place + 1 :]
            if damaged == locked:
                continue
            try:
                opened = one.decrypt(damaged, "x")
            except DecryptionError as error:
                assert TEXT not in str(error) and locked[PREFIX_CHARS:] not in str(error)
            else:  # the last character carries bits that mean nothing
                assert (opened, place) == (TEXT, len(locked) - 1)


@pytest.mark.parametrize(
    "broken",
    ["", "x", "v1..", "v2.0123456789abcdef.AAAA", "v1.0123456789ABCDEF.AAAA", TEXT, "v1." * 9],
)
def test_what_was_never_locked_is_unreadable(broken: str) -> None:
    with pytest.raises(DecryptionError):
        vault(OLD).decrypt(broken, "x")


@pytest.mark.parametrize("length", range(1, 40))
def test_one_that_is_cut_off_is_unreadable(length: int) -> None:
    one = vault(OLD)
    with pytest.raises(DecryptionError):
        one.decrypt(one.encrypt(TEXT, "x")[: PREFIX_CHARS + length], "x")


def test_the_first_key_locks_and_every_key_opens() -> None:
    locked = vault(OLD).encrypt(TEXT, "x")
    both = vault(NEW, OLD)
    assert both.decrypt(locked, "x") == TEXT
    assert not both.is_current(locked)
    assert both.is_current(both.encrypt(TEXT, "x"))
    assert vault(NEW).decrypt(both.encrypt(TEXT, "x"), "x") == TEXT


def test_without_keys_of_its_own_it_stands_on_the_secret_key() -> None:
    plain = Encryptor(lambda: configured_key_ring(IdentitySettings(), OLD))
    locked = plain.encrypt(TEXT, "x")
    later = IdentitySettings(encryption_keys=[NEW])
    assert Encryptor(lambda: configured_key_ring(later, OLD)).decrypt(locked, "x") == TEXT
    moved = IdentitySettings(previous_secret_keys=[OLD])
    assert Encryptor(lambda: configured_key_ring(moved, NEW)).decrypt(locked, "x") == TEXT


def test_AB_84_a_weak_encryption_key_is_refused_by_its_place_and_not_quoted() -> None:
    settings = IdentitySettings(encryption_keys=[NEW, Secret("changeme")])
    with pytest.raises(WeakSecret, match="number 2.* is too weak") as refused:
        configured_key_ring(settings, OLD)
    assert "changeme" not in str(refused.value)
