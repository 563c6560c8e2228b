"""Find free ports on this machine."""

import ipaddress
import socket
from contextlib import ExitStack

from sentiment.errors import InputError

LOCALHOST = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """Return `count` different ports on which nothing listens."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((LOCALHOST, 0))
        return [probe.getsockname()[1] for probe in probes]


def free_port(preferred: int, host: str = LOCALHOST) -> int:
    """Return `preferred` if nothing listens on it, else another free port.

    Raises InputError if `host` is not an address of this machine.
    """
    with bound_socket(preferred, host) as probe:
        return probe.getsockname()[1]


def bound_socket(preferred: int, host: str = LOCALHOST) -> socket.socket:
    """Return a socket on the port `preferred`, or on another free port if that is taken.

    Raises InputError if `host` is not an address of this machine.
    """
    # With the protocol named: asyncio sends small answers at once only on such sockets. On others
    # an answer in two parts waits 40 ms for the client to confirm the first.
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, preferred))
    except OSError:
        try:
            bound.bind((host, 0))
        except OSError as error:
            bound.close()
            raise _foreign(host) from error
    return bound


def base_url(host: str, port: int) -> str:
    """Return the URL that reaches a server on `host` from this machine."""
    return f"http://{LOCALHOST if _ip_address(host).is_unspecified else host}:{port}"


def is_public(host: str) -> bool:
    """Return True if other machines can reach a server on `host`."""
    return not _ip_address(host).is_loopback


def _ip_address(host: str) -> ipaddress.IPv4Address:
    """Return the address of a host; raise InputError if it has none."""
    try:
        return ipaddress.IPv4Address(socket.gethostbyname(host))
    except (OSError, ValueError) as error:
        raise _foreign(host) from error


def _foreign(host: str) -> InputError:
    fact = f"{host} is not an IPv4 address of this machine"
    return InputError(fact, hint=f"--host {LOCALHOST}")
