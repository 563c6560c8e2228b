"""Helpers from the standard library that know nothing of this project's subject."""
