"""Passwords in addresses stay out of messages and files."""

import pytest

from sentiment.utils.credentials import mask, without_credentials
from sentiment.utils.text import first_line


@pytest.mark.parametrize(
    ("uri", "masked", "bare"),
    [
        ("http://alice:secret@host:5000/x", "http://***@host:5000/x", "http://host:5000/x"),
        ("http://a:b@c@h/x", "http://***@h/x", "http://h/x"),
        ("HTTPS://token@h", "HTTPS://***@h", "HTTPS://h"),
        ("postgresql://u:p/w@h/db", "postgresql://***@h/db", "postgresql://h/db"),
        ("mysql+x://u@h/db?a=1&password=b", "mysql+x://***@h/db?a=1&password=***",
         "mysql+x://h/db?a=1"),
        ("mssql://h/db?pwd=b", "mssql://h/db?pwd=***", "mssql://h/db"),
    ],
)  # fmt: skip
def test_user_and_password_are_masked_in_messages_and_removed_in_files(uri, masked, bare):
    assert mask(f"x '{uri}' and {uri} .") == f"x '{masked}' and {masked} ."
    assert without_credentials(uri) == bare
    assert first_line(ValueError(f"{'x' * 190} {uri}")) == f"{'x' * 190} {masked}"[:200]


@pytest.mark.parametrize(
    "uri",
    ["http://h:5000/a@b", "sqlite:////home/a@b/mlflow.db", "s3://bucket/key@1", "mlruns",
     "http://h/?a=1&b=2", "user@example.com"],
)  # fmt: skip
def test_what_has_no_password_stays(uri):
    assert (mask(uri), without_credentials(uri)) == (uri, uri)


def test_passwords_of_the_environment_are_found_without_an_address(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://alice:se cret9@host")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "token-123")
    assert mask("failed: http://alice:se cret9@host, token-123, se cret9") == (
        "failed: http://***@host, ***, ***"
    )
