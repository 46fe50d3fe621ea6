"""Connections to FHIR servers: which addresses they may reach, and how one that hangs is ended from outside.

The address is checked on the connected socket, not on the name: a name can be written in many ways (`127.1`,
`0x7f.1`) and can point elsewhere a moment later.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from contextlib import suppress
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError
from urllib3.poolmanager import PoolManager

from cds_service.security.fhir_servers import is_loopback

_EMBEDDED_IPV4 = ipaddress.ip_network("64:ff9b::/96")


class AddressRefused(NewConnectionError):
    """The host's address is one that no FHIR server has."""


class AbortHandle:
    """What one thread is connected with at the moment, so that another thread can cut it off at the deadline."""

    def __init__(self) -> None:
        self._connection: HTTPConnection | None = None
        self._cut = False

    def hold(self, connection: HTTPConnection) -> None:
        """Remember the connection in use."""
        self._connection = connection
        if self._cut:
            self.cut()

    def cut(self) -> None:
        """End the connection in use, whatever its thread is waiting for; its read fails at once."""
        self._cut = True
        sock = getattr(self._connection, "sock", None)
        if sock is not None:
            with suppress(OSError):
                # On the plain socket: shutting a TLS session down properly would wait for the other side.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)


_thread = threading.local()


def use_abort_handle(handle: AbortHandle) -> None:
    """What this thread connects to from now on is aborted by `handle`."""
    _thread.abort_handle = handle


class _Checked(HTTPConnection):
    """A connection that is given up when it leads to an address that no FHIR server has."""

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        try:
            address = sock.getpeername()[0]
        except OSError as error:
            sock.close()
            raise NewConnectionError(self, f"lost at once: {error}") from error
        if not may_connect(self.host, address):
            sock.close()
            raise AddressRefused(self, "leads to an address that is not asked")
        return sock

    def request(self, *args: Any, **kwargs: Any) -> None:
        handle: AbortHandle | None = getattr(_thread, "abort_handle", None)
        if handle is not None:
            handle.hold(self)
        super().request(*args, **kwargs)


class _CheckedTls(_Checked, HTTPSConnection):
    """The same over TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Checked


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _CheckedTls


class CheckedAdapter(HTTPAdapter):
    """The transport of the session that talks to FHIR servers."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Pools of checked connections; the arguments are those of `requests`."""
        super().init_poolmanager(*args, **kwargs)
        manager: PoolManager = self.poolmanager
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}


def may_connect(host: str, address: str) -> bool:
    """Whether a connection to `host` that reached `address` may be used.

    Hospitals run FHIR servers at private addresses, so those are fine. Never fine are addresses at which only this
    machine or its cloud answers (link-local: metadata services), multicast and reserved ones. Loopback is fine where
    the URL plainly says so.

    Args:
        host: the host of the URL, as written there.
        address: the IP address of the other end.
    """
    reached = _plain(address)
    if reached.is_loopback:
        return is_loopback(host.rstrip("."))
    return not (reached.is_link_local or reached.is_multicast or reached.is_unspecified or reached.is_reserved)


def _plain(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The address without zone, and the IPv4 address that an IPv6 one stands for."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped:
            return found.ipv4_mapped
        if found in _EMBEDDED_IPV4:
            return ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
    return found
