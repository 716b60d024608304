"""Secrets by group and key. One adapter of `ports.SecretStore` for each kind of place, and a chain of them.

This room owns where a secret is looked for. It must never keep a value, write one down, or put one into an error.
"""

from elevon.secrets.chains import SecretChain
from elevon.secrets.files import FileSecretStore
from elevon.secrets.variables import EnvironmentSecretStore

__all__ = ["EnvironmentSecretStore", "FileSecretStore", "SecretChain"]
