"""Usage accounting for OpenStack."""

__version__ = "0.1.0"
