"""An LDAP server in Python (ldaptor), run as a program of its own.

    python python_server.py USERS.LDIF CERTIFICATE KEY

It prints the two ports it listens on: without TLS, where StartTLS works, and with TLS.
"""

import sys

from ldaptor.inmemory import fromLDIFFile
from ldaptor.interfaces import IConnectedLDAPEntry
from ldaptor.protocols import pureldap
from ldaptor.protocols.ldap.ldapserver import LDAPServer
from twisted.internet import reactor, ssl
from twisted.internet.protocol import ServerFactory
from twisted.python.components import registerAdapter

START_TLS = b"1.3.6.1.4.1.1466.20037"


class Server(LDAPServer):
    def extendedRequest_StartTLS(self, data, reply):  # noqa: N802 - found by its name
        reply(pureldap.LDAPExtendedResponse(resultCode=0, responseName=START_TLS))
        self.transport.startTLS(self.factory.options)

    extendedRequest_StartTLS.oid = START_TLS  # noqa: N815


class Factory(ServerFactory):
    protocol = Server

    def __init__(self, root, options):
        self.root, self.options = root, options

    def buildProtocol(self, address):  # noqa: N802 - Twisted's name
        server = self.protocol()
        server.factory = self
        return server


def main(users, certificate, key):
    with open(certificate) as one, open(key) as other:
        options = ssl.PrivateCertificate.loadPEM(one.read() + other.read()).options()

    def serve(root):
        factory = Factory(root, options)
        plain = reactor.listenTCP(0, factory, interface="127.0.0.1")
        encrypted = reactor.listenSSL(0, factory, options, interface="127.0.0.1")
        print(plain.getHost().port, encrypted.getHost().port, flush=True)

    registerAdapter(lambda factory: factory.root, Factory, IConnectedLDAPEntry)
    with open(users, "rb") as file:
        fromLDIFFile(file).addCallbacks(serve, lambda failure: failure.printTraceback())
        reactor.callLater(0, lambda: None)
        reactor.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
