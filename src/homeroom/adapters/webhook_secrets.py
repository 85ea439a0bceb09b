"""The file of secrets with which webhooks are signed: readable by its owner alone, never part of what is replicated.

A secret is shown once, when it is made, and then only ever used. It is durable here before the control stream names it,
so a webhook never has a secret that nobody knows; one that no webhook names is dropped at the next change.

The way not taken is one secret from which all are derived. It would need no file that grows, but whoever learned it
could sign for every webhook, those of later too.
"""

import os
import secrets
import stat
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from homeroom import limits
from homeroom.adapters.whole_files import PRIVATE, whole_file
from homeroom.errors import KeyFileError, SourceError, WebhookError
from homeroom.hooks.messages import read_secret, write_secret

__all__ = ["WebhookSecrets"]

_decode: Final = msgspec.json.Decoder(dict[str, str]).decode


class WebhookSecrets:
    """Secrets by their ids.

    Parameters
    ----------
    path : the file; none is made before there is a secret

    Raises
    ------
    KeyFileError
        The file cannot be read, others may read it, or it holds something else. The message holds nothing of it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._secrets: Mapping[str, bytes] = self._read()

    def _read(self) -> Mapping[str, bytes]:
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise KeyFileError(
                f"the file of webhooks' secrets {self._path} cannot be opened: {error.strerror}; check its permissions"
            ) from None
        with os.fdopen(descriptor, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode) or mode & 0o077:
                raise KeyFileError(
                    f"the file of webhooks' secrets {self._path} is no plain file that only its owner may read; "
                    f"run: chmod 600 {self._path}"
                )
            content = file.read(limits.WEBHOOK_SECRETS_BYTES_MAX + 1)
        try:
            if len(content) <= limits.WEBHOOK_SECRETS_BYTES_MAX:
                return {id_: read_secret(text) for id_, text in _decode(content).items()}
        except (msgspec.MsgspecError, WebhookError, ValueError):
            pass  # told below, without what it holds
        raise KeyFileError(
            f"the file of webhooks' secrets {self._path} is damaged; restore it from a backup, or move it away and "
            f"give each webhook a new secret"
        )

    def make(self, in_use: Iterable[str]) -> tuple[str, str]:
        """Make a secret; return its id and the secret as its receiver is given it, once.

        Parameters
        ----------
        in_use : ids of secrets that webhooks name; others are dropped

        Raises
        ------
        SourceError
            The file cannot be written; then nothing has changed.
        """
        made, secret = secrets.token_hex(8), secrets.token_bytes(limits.WEBHOOK_SECRET_BYTES)
        with self._lock:
            wanted = set(in_use)
            kept = {id_: one for id_, one in self._secrets.items() if id_ in wanted}
            kept[made] = secret
            self._write(kept)
            self._secrets = kept
        return made, write_secret(secret)

    def _write(self, kept: Mapping[str, bytes]) -> None:
        content = msgspec.json.encode({id_: write_secret(one) for id_, one in kept.items()})
        if len(content) > limits.WEBHOOK_SECRETS_BYTES_MAX:
            raise SourceError(
                f"the file of webhooks' secrets {self._path} would have {len(content):,} bytes, at most "
                f"{limits.WEBHOOK_SECRETS_BYTES_MAX:,} are allowed; delete webhooks that nobody needs"
            )
        with whole_file(self._path, PRIVATE) as file:
            file.write(content)

    def find(self, ids: Iterable[str]) -> tuple[bytes, ...]:
        """Return those of some secrets that are here."""
        known = self._secrets
        return tuple(known[one] for one in ids if one in known)
