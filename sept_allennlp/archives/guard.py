"""
Guard for loading an archive: its configuration cannot reach anything outside it.

A configuration is data, but AllenNLP resolves what it says: addresses are downloaded, paths are
read, dotted names are imported, and some registered classes start programs. New classes of that
kind appear with every package, so the guard does not list them. It listens to Python's audit
events, which every connection, opened file and started program raises, in the thread that loads.
Three places in AllenNLP and transformers are guarded by name as well, for a better message.

Other threads are not affected, and neither is this one before and after.
"""

import logging
import os
import sys
import sysconfig
import tempfile
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any, Callable, Collection, Dict, Iterator, Optional, Tuple

import cached_path
from allennlp.common import Registrable
from huggingface_hub import constants as hub_constants
from transformers.utils import hub as transformers_hub


class ArchiveError(RuntimeError):
    """
    An archive that cannot be loaded, or that is refused.

    This is not a `ConfigurationError`: where a parameter can be of several types, AllenNLP takes
    one for a sign to try the next type, and drops its message.
    """


class _Guard:
    """
    The rules while one archive is loaded.

    # Parameters

    folder : `Path`
        The unpacked archive.
    named_by_user : `Collection[str]`
        Strings that the user gave along with the archive. What they name may be used.
    """

    def __init__(self, folder: Path, named_by_user: Collection[str]) -> None:
        self.folder = os.path.realpath(folder)
        self.named_by_user = frozenset(named_by_user)
        self.roots = [self.folder, *(os.path.realpath(name) for name in named_by_user if name)]
        # The first refusal, because other code may swallow the exception.
        self.refusal: Optional[ArchiveError] = None

    def holds(self, path: str) -> bool:
        """Return whether a path is in the archive, or named by the user."""
        return _is_below(path, self.roots)

    def refuse(self, message: str) -> None:
        """Raise an `ArchiveError`, and remember the first one."""
        error = ArchiveError(message)
        self.refusal = self.refusal or error
        raise error

    def refuse_use(self, what: str) -> None:
        """Raise an `ArchiveError` that says what loading the archive would do."""
        self.refuse(
            f"refused: loading the archive would {what}, and an archive may not use anything "
            "outside itself. Train with the callback 'archive_encoder', which puts the files of "
            "encoders, filters and other archives into it; a file of your own can be named in the "
            "overrides."
        )


# Only in the thread that loads.
_guard: ContextVar[Optional[_Guard]] = ContextVar("_guard", default=None)


@contextmanager
def guarded(folder: Path, named_by_user: Collection[str] = ()) -> Iterator[None]:
    """
    Refuse everything outside an unpacked archive, in this thread, while the context lasts.

    # Parameters

    folder : `Path`
        The unpacked archive.
    named_by_user : `Collection[str]`, optional
        Paths and addresses that the user gave along with the archive.

    # Raises

    `ArchiveError` for the first thing that was refused, also if other code swallowed the error.
    """
    _listen()
    guard = _Guard(folder, named_by_user)
    token = _guard.set(guard)
    try:
        yield
    except Exception as error:
        if guard.refusal is not None and error is not guard.refusal:
            raise guard.refusal from error
        raise
    finally:
        _guard.reset(token)
    if guard.refusal is not None:
        raise guard.refusal


@contextmanager
def unguarded() -> Iterator[None]:
    """Lift the guard for work of our own, such as unpacking an archive inside an archive."""
    token = _guard.set(None)
    try:
        yield
    finally:
        _guard.reset(token)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make a temporary folder that an archive may use while it is loaded."""
    guard = _guard.get()
    with unguarded():
        folder = tempfile.TemporaryDirectory()
    root = os.path.realpath(folder.name)
    if guard is not None:
        guard.roots.append(root)
    try:
        yield Path(folder.name)
    finally:
        with unguarded():
            folder.cleanup()
        if guard is not None:
            guard.roots.remove(root)


def is_guarded() -> bool:
    """Return whether this thread is loading an archive."""
    return _guard.get() is not None


def check_location(location: str) -> None:
    """
    Refuse a path or an address outside the archive that this thread is loading.

    # Raises

    `ArchiveError` if an archive is being loaded that does not hold it.
    """
    guard = _guard.get()
    if guard is None or location in guard.named_by_user or guard.holds(location):
        return
    # A member of another archive, as `cached_path` names it.
    if guard.holds(location.split("!")[0]):
        return
    guard.refuse_use(f"use {location!r}")


def folder_of_archive() -> Optional[Path]:
    """Return the folder of the archive that this thread is loading."""
    guard = _guard.get()
    return None if guard is None else Path(guard.folder)


def install() -> None:
    """Guard functions of AllenNLP and transformers; this has no effect outside `guarded`."""
    if getattr(cached_path.cached_path, "guarded", False):
        return
    _install_cached_path()
    _install_class_names()
    _install_offline_mode()


def _install_cached_path() -> None:
    resolve = cached_path.cached_path

    def guarded_cached_path(url_or_filename: Any, *args: Any, **kwargs: Any) -> Any:
        guard = _guard.get()
        if guard is None:
            return resolve(url_or_filename, *args, **kwargs)
        check_location(os.fspath(url_or_filename))
        # It may download what the user named.
        with unguarded():
            return resolve(url_or_filename, *args, **kwargs)

    guarded_cached_path.guarded = True  # type: ignore[attr-defined]
    cached_path.cached_path = guarded_cached_path


def _install_class_names() -> None:
    resolve = Registrable.__dict__["resolve_class_name"]

    def resolve_registered(cls: Any, name: str) -> Tuple[Any, Optional[str]]:
        guard = _guard.get()
        if guard is not None and name not in cls.list_available():
            guard.refuse(
                f"the archive's configuration asks for a {cls.__name__} named {name!r}, which is "
                "not registered here, and an archive may not name any other class. If it is one of "
                "yours, register it and import its package with --include-package."
            )
        return resolve.__get__(None, cls)(name)

    Registrable.resolve_class_name = classmethod(resolve_registered)  # type: ignore


def _install_offline_mode() -> None:
    # transformers asks for this value by a function that its modules have imported.
    transformers_hub._is_offline_mode = _OfflineWhileGuarded(transformers_hub._is_offline_mode)


class _OfflineWhileGuarded:
    """A value that is true while this thread loads an archive, and otherwise as it was."""

    def __init__(self, otherwise: bool) -> None:
        self._otherwise = otherwise

    def __bool__(self) -> bool:
        return is_guarded() or bool(self._otherwise)


# Audit events -------------------------------------------------------------------------------------


def _check_open(guard: _Guard, path: Any, mode: Any, flags: int) -> None:
    if isinstance(path, int):
        return
    name = os.fsdecode(path)
    if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC):
        if name != os.devnull and not _is_logged():
            _check_change(guard, path)
    elif not (guard.holds(name) or name.endswith(_CODE) or _is_below(name, _system_folders())):
        guard.refuse_use(f"read {name}")


def _is_logged() -> bool:
    """
    Tell whether Python's logging opens a file.

    A program's handlers may open their files at the first message, which may be one about loading.
    """
    frame: Optional[FrameType] = sys._getframe()
    while frame is not None:
        if frame.f_code.co_filename == logging.__file__:
            return True
        frame = frame.f_back
    return False


def _check_change(guard: _Guard, path: Any, *_: Any) -> None:
    if isinstance(path, int):
        return
    name = os.fsdecode(path)
    # Python compiles modules that it imports for the first time.
    if _BYTECODE_FOLDER not in Path(name).parts and not guard.holds(name):
        guard.refuse_use(f"change {name}")


def _check_new_folder(guard: _Guard, path: Any, *_: Any) -> None:
    if not os.path.isdir(path):
        _check_change(guard, path)


def _check_link(guard: _Guard, source: Any, target: Any, *_: Any) -> None:
    _check_change(guard, target)


def _check_connection(guard: _Guard, *args: Any) -> None:
    target = next((arg for arg in args if isinstance(arg, (str, bytes, tuple))), "another machine")
    guard.refuse_use(f"connect to {target!r}")


def _check_program(guard: _Guard, *args: Any) -> None:
    guard.refuse_use(f"start the program {args[0]!r}" if args else "start a program")


_CHECKS: Dict[str, Callable[..., None]] = {
    "open": _check_open,
    "os.mkdir": _check_new_folder,
    "os.link": _check_link,
    "os.symlink": _check_link,
    **dict.fromkeys(
        ("os.remove", "os.rmdir", "os.rename", "os.truncate", "os.chmod", "os.chown"), _check_change
    ),
    **dict.fromkeys(
        ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"),
        _check_connection,
    ),
    **dict.fromkeys(
        ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn"), _check_program
    ),
    **dict.fromkeys(("os.fork", "os.forkpty", "pty.spawn"), _check_program),
}

_CODE = (".py", ".pyc", ".so", ".pyd", ".dylib")
_BYTECODE_FOLDER = "__pycache__"


@cache
def _listen() -> None:
    """Install the audit hook. It stays for the process, and does nothing without a guard."""

    def hook(event: str, args: Tuple[Any, ...]) -> None:
        guard = _guard.get()
        if guard is not None and event in _CHECKS:
            _CHECKS[event](guard, *args)

    sys.addaudithook(hook)


def _system_folders() -> Tuple[str, ...]:
    """
    Return the folders that Python and its packages read by themselves when they are first used.

    Encoders that were downloaded earlier are among them: an archive without its encoder may name
    one by its name on the hub.
    """
    # Packages that are developed elsewhere, such as a plugin in the working directory.
    modules = [module for name, module in list(sys.modules.items()) if "." not in name]
    packages = {
        os.path.realpath(folder)
        for module in modules
        for folder in getattr(module, "__path__", ())
        if isinstance(folder, str)
    }
    return (*_FIXED_FOLDERS, *packages)


_FIXED_FOLDERS = tuple(
    os.path.realpath(folder)
    for folder in {
        sys.prefix,
        sys.base_prefix,
        *sysconfig.get_paths().values(),
        hub_constants.HF_HOME,
        hub_constants.HF_HUB_CACHE,
        # Files in which packages look up facts about the machine.
        "/etc/localtime",
        "/etc/mime.types",
        "/etc/os-release",
        "/usr/lib/os-release",
        "/dev/null",
        "/dev/urandom",
        "/proc/cpuinfo",
        "/proc/meminfo",
        "/proc/self/cgroup",
        "/proc/self/maps",
        "/proc/self/mountinfo",
        "/proc/self/status",
        "/sys",
    }
)


def _is_below(path: str, folders: Collection[str]) -> bool:
    real = os.path.realpath(path)
    return any(real == folder or real.startswith(os.path.join(folder, "")) for folder in folders)
