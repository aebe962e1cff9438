"""Encryption of stored values, such as tokens of providers, with a key that is not in the database.

A plugin encrypts a text before it stores it, and declares the column with `TableSet(…, encrypted_columns=…)`, so that
the values can be encrypted again when the operator changes the key.
"""

from portico.encryption.encryptor import (
    DecryptionError,
    Encryptor,
    SignatureState,
    WrongEncryptionKey,
)
from portico.encryption.key_check import check_encryption_key, replace_encryption_key, stored_key_id
from portico.encryption.key_ring import configured_key_ring, make_key_ring
from portico.encryption.rotation import KeyUsage, Rotation, key_usage, rotate
from portico.encryption.tables import TABLES

__all__ = [
    "TABLES",
    "DecryptionError",
    "Encryptor",
    "KeyUsage",
    "Rotation",
    "SignatureState",
    "WrongEncryptionKey",
    "check_encryption_key",
    "configured_key_ring",
    "key_usage",
    "make_key_ring",
    "replace_encryption_key",
    "rotate",
    "stored_key_id",
]
