"""Encryption of single values: keys, contexts and damaged values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.encryption import DecryptionError, Encryptor, configured_key_ring, make_key_ring
from portico.encryption.encryptor import PREFIX_CHARS
from portico.settings.identity import IdentitySettings
from portico.settings.secret_key import WeakSecret
from portico.settings.section import Secret

OLD, NEW = Secret("the-old-key-0123-zyxwvutsrqponmlk"), Secret("the-new-key-4567-abcdefghijklmnop")
TEXT = "sk-this-is-what-a-provider-gave-us"


def encryptor(*secrets: Secret) -> Encryptor:
    return Encryptor(lambda: make_key_ring(secrets))


@given(text=st.text(), about=st.text())
def test_every_text_is_decrypted_unchanged(text: str, about: str) -> None:
    configured = encryptor(OLD)
    assert configured.decrypt(configured.encrypt(text, about), about) == text


@pytest.mark.parametrize("odd", ["", "\x00", "\ud800", "a" * 200_000])
def test_unusual_texts_are_decrypted_unchanged(odd: str) -> None:
    configured = encryptor(OLD)
    assert configured.decrypt(configured.encrypt(odd, "x"), "x") == odd


def test_encrypted_value_shows_version_and_key_id_only() -> None:
    configured = encryptor(OLD)
    encrypted = configured.encrypt(TEXT, "keys:1")
    version, key, rest = encrypted.split(".")
    assert (version, key) == ("v1", configured.current_id)
    assert len(f"{version}.{key}.") == PREFIX_CHARS
    assert TEXT not in encrypted
    assert OLD.reveal() not in repr(configured.key_ring)
    assert rest.replace("-", "").replace("_", "").isalnum()


def test_same_text_is_encrypted_differently_each_time() -> None:
    configured = encryptor(OLD)
    assert len({configured.encrypt(TEXT, "x") for _ in range(100)}) == 100


def test_value_of_another_context_is_refused() -> None:
    """A value that is copied to another row cannot be read."""
    configured = encryptor(OLD)
    with pytest.raises(DecryptionError, match="belongs to another context"):
        configured.decrypt(configured.encrypt(TEXT, "oauth:ada"), "oauth:eve")


def test_error_names_the_missing_key() -> None:
    encrypted = encryptor(OLD).encrypt(TEXT, "x")
    with pytest.raises(DecryptionError, match=encryptor(OLD).current_id):
        encryptor(NEW).decrypt(encrypted, "x")


def test_changed_value_is_refused_without_revealing_it() -> None:
    configured = encryptor(OLD)
    encrypted = configured.encrypt(TEXT, "x")
    for position in range(len(encrypted)):
        for other in "A.":
            damaged = encrypted[:position] + other + encrypted[position + 1 :]
            if damaged == encrypted:
                continue
            try:
                opened = configured.decrypt(damaged, "x")
            except DecryptionError as error:
                assert TEXT not in str(error) and encrypted[PREFIX_CHARS:] not in str(error)
            else:  # the last character carries bits that mean nothing
                assert (opened, position) == (TEXT, len(encrypted) - 1)


@pytest.mark.parametrize(
    "broken",
    ["", "x", "v1..", "v2.0123456789abcdef.AAAA", "v1.0123456789ABCDEF.AAAA", TEXT, "v1." * 9],
)
def test_plain_text_is_refused(broken: str) -> None:
    with pytest.raises(DecryptionError):
        encryptor(OLD).decrypt(broken, "x")


@pytest.mark.parametrize("length", range(1, 40))
def test_truncated_value_is_refused(length: int) -> None:
    configured = encryptor(OLD)
    with pytest.raises(DecryptionError):
        configured.decrypt(configured.encrypt(TEXT, "x")[: PREFIX_CHARS + length], "x")


def test_first_key_encrypts_and_every_key_decrypts() -> None:
    encrypted = encryptor(OLD).encrypt(TEXT, "x")
    both = encryptor(NEW, OLD)
    assert both.decrypt(encrypted, "x") == TEXT
    assert not both.is_current(encrypted)
    assert both.is_current(both.encrypt(TEXT, "x"))
    assert encryptor(NEW).decrypt(both.encrypt(TEXT, "x"), "x") == TEXT


def test_secret_key_is_used_without_encryption_keys() -> None:
    plain = Encryptor(lambda: configured_key_ring(IdentitySettings(), OLD))
    encrypted = plain.encrypt(TEXT, "x")
    later = IdentitySettings(encryption_keys=[NEW])
    assert Encryptor(lambda: configured_key_ring(later, OLD)).decrypt(encrypted, "x") == TEXT
    moved = IdentitySettings(previous_secret_keys=[OLD])
    assert Encryptor(lambda: configured_key_ring(moved, NEW)).decrypt(encrypted, "x") == TEXT


@pytest.mark.case("AB-84")
def test_weak_encryption_key_is_refused_by_position_and_not_quoted() -> None:
    settings = IdentitySettings(encryption_keys=[NEW, Secret("changeme")])
    with pytest.raises(WeakSecret, match="number 2.* is too weak") as refused:
        configured_key_ring(settings, OLD)
    assert "changeme" not in str(refused.value)


def test_fingerprints_tell_texts_apart_and_depend_on_the_key() -> None:
    configured = encryptor(OLD)
    mark = configured.fingerprint(TEXT, "x")
    assert mark == encryptor(OLD).fingerprint(TEXT, "x") and len(mark) == 8
    others = {
        configured.fingerprint("other", "x"),
        configured.fingerprint(TEXT, "y"),
        encryptor(NEW).fingerprint(TEXT, "x"),
    }
    assert len(others | {mark}) == 4
