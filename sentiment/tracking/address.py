"""Check the address of a tracking store, as somebody has typed it."""

import re
import shlex

from sentiment.errors import InputError, UnavailableError
from sentiment.utils import environment
from sentiment.utils.credentials import mask

with environment.suppress_stderr():
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

VARIABLE = "MLFLOW_TRACKING_URI"
_HOST_AND_PORT = re.compile(r"([^\s/]+@)?([\w.-]+|\[[\da-f:]+\]):\d+(/\S*)?", re.IGNORECASE)
_DATABASES = ("postgresql", "mysql", "mssql")  # beside SQLite, whose driver is part of Python
_PACKAGES = {"psycopg2": "psycopg2-binary", "psycopg": "psycopg[binary]", "MySQLdb": "mysqlclient"}


def check(uri: str) -> None:
    """Raise InputError if `uri` has no scheme, and UnavailableError if its driver is missing."""
    if _HOST_AND_PORT.fullmatch(uri):
        # With a scheme, so that a password is found.
        raise _wrong(f"has no http:// before {mask(f'http://{uri}')[7:]}", f"http://{uri}")
    scheme, _, rest = uri.partition("://")
    if scheme == "postgres":
        raise _wrong(
            "begins with postgres://, which SQLAlchemy does not know", f"postgresql://{rest}"
        )
    if scheme.partition("+")[0] in _DATABASES:
        _check_driver(uri)


def _check_driver(uri: str) -> None:
    """Raise an error if the driver of a database is unknown or not installed."""
    try:
        make_url(uri).get_dialect().import_dbapi()
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        raise UnavailableError(
            f"{VARIABLE} names a database whose driver, {module}, is not installed",
            hint=f"pip install {shlex.quote(_PACKAGES.get(module, module))}",
        ) from error
    except (ArgumentError, NoSuchModuleError) as error:
        raise _wrong("is no address of a database", "postgresql://HOST/NAME") from error


def _wrong(fact: str, correct: str) -> InputError:
    return InputError(f"{VARIABLE} {fact}", hint=f"export {VARIABLE}={mask(correct)}")
