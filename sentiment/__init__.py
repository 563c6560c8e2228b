"""Train, look inside and use a recurrent sentiment classifier."""

__version__ = "0.1.0"
