"""As much of LDAP (RFC 4511) as it takes to find somebody and to try their password, without a thread.

Every client library on the package index either has to be compiled against OpenLDAP's headers or is no longer kept; and all
of them hold a thread while the directory thinks. Nothing in here knows about Portico.
"""

from portico_ldap.protocol.ber import ProtocolError
from portico_ldap.protocol.connection import LDAPConnection, OperationFailed
from portico_ldap.protocol.distinguished_names import common_name, normalize_dn
from portico_ldap.protocol.filters import BadFilter, both, equals, read_filters
from portico_ldap.protocol.messages import INVALID_CREDENTIALS, Result, SearchEntry

__all__ = [
    "INVALID_CREDENTIALS",
    "BadFilter",
    "LDAPConnection",
    "OperationFailed",
    "ProtocolError",
    "Result",
    "SearchEntry",
    "both",
    "common_name",
    "equals",
    "normalize_dn",
    "read_filters",
]
