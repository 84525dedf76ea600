"""A folder of secrets: this user's alone, and nothing that git would take along."""

import os
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edge.errors import MaskGateError
from edge.updates.locking import lock
from edge.writing import replacing

FOLDER_MODE, FILE_MODE = 0o700, 0o600
LOCK_SECONDS = 20.0
"""Another process that makes keys or passwords has done so long before."""
_LOCK = ".lock"
_IGNORE = ".gitignore"
_SIZE_LIMIT = 100_000
"""Bytes of a file; keys, certificates and passwords have a few thousand at most."""


class PrivateFolder:
    """A folder of secrets."""

    def __init__(self, path: Path) -> None:
        """Make the folder, or hold an existing one against what a folder of secrets must be.

        Raises:
            MaskGateError: others may look into it, git keeps files of it, or it cannot be made.
        """
        self.path = path
        with self._told("made"):
            if not path.exists():
                path.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
                self._give(path, path.parent)
            if not path.is_dir():
                raise MaskGateError(f"secrets {path}: expected a folder, found something else")
            if (path / ".git").exists():
                raise MaskGateError(
                    f"secrets {path}: it is the top of a git work tree; name a folder of its own"
                )
            self._close_to_others()
        # Before the first secret is there: from then on git leaves all of it alone, also in a work
        # tree that this folder is only later moved into.
        with self.alone():
            if not (path / _IGNORE).exists():
                self.write(_IGNORE, b"*\n")
        self._refuse_kept_by_git()

    def read(self, name: str) -> bytes | None:
        """Read a secret.

        Returns:
            None where there is none of that name.

        Raises:
            MaskGateError: it cannot be read, or others could have read it.
        """
        path = self.path / name
        content = None
        with self._told("read"), suppress(FileNotFoundError), path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise MaskGateError(
                    f"secrets {path}: expected it to be this user's alone, found mode {mode:04o}; "
                    "chmod 600 it, and if others use this machine, have a new one made"
                )
            content = file.read(_SIZE_LIMIT)
        return content

    def write(self, name: str, content: bytes) -> None:
        """Write a secret, whole or not at all.

        Args:
            name: relative to the folder.
            content: what it holds from then on.

        Raises:
            MaskGateError: it cannot be written; then what was there before still is.
        """
        path = self.path / name
        with self._told("written"):
            if not path.parent.exists():
                path.parent.mkdir(FOLDER_MODE)
                self._give(path.parent, self.path)
            with replacing(path) as file:
                os.fchmod(file.fileno(), FILE_MODE)
                self._give(file.fileno(), self.path)
                file.write(content)

    def names(self, folder: str) -> list[str]:
        """The files of a folder within, sorted; none where it is not there."""
        names: list[str] = []
        with self._told("read"), suppress(FileNotFoundError):
            names = sorted(file.name for file in (self.path / folder).iterdir())
        return [name for name in names if not name.startswith(".")]

    def remove(self, name: str) -> None:
        """Remove a secret that is there."""
        with self._told("removed"):
            (self.path / name).unlink()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes from making secrets here.

        Raises:
            MaskGateError: another one holds the folder for long.
        """
        with self._told("locked"):
            descriptor = lock(self.path / _LOCK, LOCK_SECONDS)
            self._give(self.path / _LOCK, self.path)
        if descriptor is None:
            raise MaskGateError(
                f"secrets {self.path}: another process has been using it for {LOCK_SECONDS:g} s; "
                "try again when that is done"
            )
        try:
            yield
        finally:
            os.close(descriptor)

    def _close_to_others(self) -> None:
        mode = stat.S_IMODE(self.path.stat().st_mode)
        if not mode & 0o077:
            return
        if any(self.path.iterdir()):
            raise MaskGateError(
                f"secrets {self.path}: expected a folder that is this user's alone, found mode "
                f"{mode:04o} and files in it; name another folder, or chmod 700 it"
            )
        self.path.chmod(FOLDER_MODE)

    def _refuse_kept_by_git(self) -> None:
        """Refuse a folder of which git keeps something, or would."""
        within = self.path.resolve()
        if not any((above / ".git").exists() for above in within.parents):
            return
        # Tracked, or neither tracked nor ignored.
        words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "."]
        # In a hook these name another repository.
        clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        try:
            answer = subprocess.run(  # noqa: S603  # words of our own
                words, cwd=within, env=clean, capture_output=True, check=True, timeout=20
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise MaskGateError(
                f"secrets {self.path}: it lies in a git work tree, and git cannot be asked whether "
                "it keeps what is in there; name a folder outside"
            ) from error
        kept = {os.fsdecode(name) for name in answer.stdout.split(b"\0")} - {"", _IGNORE}
        if kept:
            raise MaskGateError(
                f"secrets {self.path}: git does not ignore {min(kept)} in it, so whoever gets the "
                "repository gets the secrets; name a folder outside, or remove it from git and "
                f"write * into its {_IGNORE}"
            )

    def _give(self, what: Path | int, like: Path) -> None:
        """With sudo, what is made belongs to whoever the folder belongs to."""
        if os.geteuid() == 0:
            owner = like.stat()
            os.chown(what, owner.st_uid, owner.st_gid)

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise MaskGateError(
                f"secrets {error.filename or self.path}: it cannot be {what} ({error.strerror}); "
                "let this user read and write the folder, or name another"
            ) from error
