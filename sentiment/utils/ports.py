"""Find free ports on this machine."""

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
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
        try:
            probe.bind((host, preferred))
        except OSError:
            try:
                probe.bind((host, 0))
            except OSError as error:
                fact = f"{host} is not an IPv4 address of this machine"
                raise InputError(fact, hint=f"--host {LOCALHOST}") from error
        return probe.getsockname()[1]
