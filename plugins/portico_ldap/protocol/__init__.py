"""An asyncio LDAP client (RFC 4511) with the operations that a sign-in needs: StartTLS, bind and search.

The client libraries on the package index need OpenLDAP's headers or are no longer maintained, and all of them block a
thread while the server works. This package imports nothing of Portico.
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
