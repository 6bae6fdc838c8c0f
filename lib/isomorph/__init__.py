"""Isomorph: what happens inside language models, measured again and shown."""

__version__ = "0.1.0"
