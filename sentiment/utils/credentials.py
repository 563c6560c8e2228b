"""Keep the passwords in addresses out of messages and files.

An address such as http://alice:secret@host has its user and password before the last @.
"""

import os
import re

MASK = "***"
# Passwords of databases may hold a slash, as SQLAlchemy reads them; other addresses end there.
_USER = re.compile(
    r"(\b[a-z][a-z0-9+.-]*://)(?!/)"
    r"(?:(?<!http://)(?<!https://)[^\s/:@]*:[^\s@]*(?:@[^\s/@]*)*|[^\s/?#]*)@",
    re.IGNORECASE,
)
_PARAMETER = re.compile(r"([?&][a-z]*(?:password|passwd|pwd|token)=)[^&\s'\"]*", re.IGNORECASE)
_VARIABLES = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")
_SECRETS = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
_MIN_LENGTH = 6  # of a password that is looked for by itself: a shorter one is part of many words


def mask(text: str) -> str:
    """Return `text` with `***` for the users and passwords in addresses.

    The passwords of this process's environment are found without an address, too.
    """
    for variable in _VARIABLES:
        user = _user(os.environ.get(variable, ""))
        if user:
            text = text.replace(f"{user}@", f"{MASK}@")
            _, _, password = user.partition(":")
            text = _replace_secret(text, password)
    for variable in _SECRETS:
        text = _replace_secret(text, os.environ.get(variable, ""))
    return _PARAMETER.sub(rf"\1{MASK}", _USER.sub(rf"\1{MASK}@", text))


def without_credentials(uri: str) -> str:
    """Return an address without user and password: what identifies a server in a file."""
    user = _user(uri)
    if user:
        scheme, _, rest = uri.partition("://")
        uri = f"{scheme}://{rest.removeprefix(f'{user}@')}"
    start, mark, query = uri.partition("?")
    kept = [item for item in query.split("&") if not _PARAMETER.match(f"?{item}")]
    return f"{start}{mark}{'&'.join(kept)}" if query and kept else start if query else uri


def _user(uri: str) -> str:
    """Return what an address has before its host: `alice:secret`; empty if it has nothing."""
    scheme, _, rest = uri.partition("://")
    is_http = scheme.lower() in ("http", "https")
    user = re.split("[/?#]" if is_http else "[?]", rest, maxsplit=1)[0].rpartition("@")[0]
    first = user.partition("/")[0]
    return user if first == user or ":" in first else ""


def _replace_secret(text: str, secret: str) -> str:
    return text.replace(secret, MASK) if len(secret) >= _MIN_LENGTH else text
