"""Replaces itself by a browser, after it has taken from itself what a browser must not have.

It runs as `python -IS launcher.py ARGUMENT...` below Playwright's driver, which keeps the debugging pipe on descriptors
3 and 4: they survive. What to do is in `PRIORAUTH_LAUNCH_…` variables, which the browser does not get. Every step
either succeeds or ends the launch with exit code 70 and one line on stderr: `launcher: PART: reason`.

It must import nothing of priorauth and as little as possible of the standard library: its start is a part of every
session's start.
"""

from __future__ import annotations

import _socket
import ctypes
import fcntl
import os
import struct
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    # Not at run time: `typing` takes as long to import as all the rest.
    from collections.abc import Callable
    from typing import Final, NoReturn

_CLONE_NEWUSER: Final = 0x10000000
_CLONE_NEWNET: Final = 0x40000000
_PR_SET_DUMPABLE: Final = 4
_PR_SET_NO_NEW_PRIVS: Final = 38
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1

# linux/landlock.h. The numbers of the system calls are the same on every architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION: Final = 1
_PATH_BENEATH, _NET_PORT = 1, 2
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REFER, _TRUNCATE = 1 << 13, 1 << 14
_BIND_TCP, _CONNECT_TCP = 1 << 0, 1 << 1
_SCOPES: Final = 0b11  # abstract Unix sockets, signals
_READ: Final = _EXECUTE | _READ_FILE | _READ_DIR
_OF_FILES: Final = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE

# What programs are made of. No home folder, no /run, no /tmp, no /var.
_READABLE: Final = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix/store", "/gnu/store", "/snap"),
    *("/etc", "/sys", "/var/cache/fontconfig"),
)

_libc = ctypes.CDLL(None, use_errno=True)


def main() -> NoReturn:
    """Take away, step by step, and become the browser."""
    _place_pipe(_told("PIPE"))
    browser, network = _told("BROWSER"), _told("NETWORK")
    uid = int(_told("UID") or -1)
    profile = next((each.partition("=")[2] for each in sys.argv if each.startswith("--user-data-dir=")), "")
    channel = _connected(_told("SOCKET"))
    _step("memory", lambda: _join_cgroup(_told("CGROUP")))
    if network == "own":
        _step("network", lambda: _hand_over_listener(_CLONE_NEWNET, channel))
    if uid >= 0:
        _step("identity", lambda: _become(uid, profile))
    if network == "user":
        _step("network", lambda: _hand_over_listener(_CLONE_NEWUSER | _CLONE_NEWNET, channel))
    channel.close()
    _step("files", lambda: _prctl(_PR_SET_NO_NEW_PRIVS))
    if _told("FILES"):
        _step("files", lambda: _restrict(browser, profile))
    _step("files", _see_nothing_hidden)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PRIORAUTH_")}
    _step("start", lambda: os.execve(browser, [browser, *sys.argv[1:]], environment))  # noqa: S606
    raise AssertionError


def _told(name: str) -> str:
    return os.environ.get(f"PRIORAUTH_LAUNCH_{name}", "")


def _place_pipe(descriptors: str) -> None:
    """Put the debugging pipe where the browser expects it, for a parent that cannot choose a child's descriptors."""
    if descriptors:
        moved = [fcntl.fcntl(int(each), fcntl.F_DUPFD, 10) for each in descriptors.split(",")]
        for target, source in zip((3, 4), moved, strict=True):
            os.dup2(source, target)
            os.close(source)


def _step(part: str, act: Callable[[], object]) -> None:
    try:
        act()
    except (OSError, ValueError) as error:
        sys.stderr.write(f"launcher: {part}: {error}\n")
        sys.stderr.flush()
        os._exit(70)


# --- memory and identity ----------------------------------------------------------------------------------------------


def _join_cgroup(group: str) -> None:
    if group:
        with open(f"{group}/cgroup.procs", "w") as file:
            file.write(str(os.getpid()))


def _become(uid: int, profile: str) -> None:
    if profile:
        os.chown(profile, uid, uid)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    # Given up by the change of user, and needed to write this process's own uid_map.
    _prctl(_PR_SET_DUMPABLE)
    os.chdir("/")
    if not os.access(_told("BROWSER"), os.X_OK):
        message = f"user {uid} may not execute {_told('BROWSER')}"
        raise OSError(message)


def _prctl(option: int) -> None:
    _checked(_libc.prctl(option, 1, 0, 0, 0))


# --- network ----------------------------------------------------------------------------------------------------------


def _connected(path: str) -> _socket.socket:
    channel = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    # The server reads from the connection which process this is.
    channel.connect(path)
    return channel


def _hand_over_listener(flags: int, channel: _socket.socket) -> None:
    """Enter a network namespace with nothing in it but the proxy's listening socket, which the server serves."""
    uid, gid = os.getuid(), os.getgid()
    _checked(_libc.unshare(flags))
    if flags & _CLONE_NEWUSER:
        # The same numbers inside: Chromium's sandbox does not start as root.
        for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    host, _, port = _told("LISTEN").partition(":")
    listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    request = bytearray(struct.pack("16sH14x", b"lo", 0))
    fcntl.ioctl(listener.fileno(), _SIOCGIFFLAGS, request)
    (shown,) = struct.unpack_from("H", request, 16)
    struct.pack_into("H", request, 16, shown | _IFF_UP)
    fcntl.ioctl(listener.fileno(), _SIOCSIFFLAGS, request)
    listener.bind((host, int(port)))
    listener.listen(128)
    rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, struct.pack("i", listener.fileno()))
    channel.sendmsg([b"L"], [rights])
    listener.close()


# --- files ------------------------------------------------------------------------------------------------------------


def _restrict(browser: str, profile: str) -> None:
    """Leave of the file system what a browser needs, by Landlock, and nothing of other processes' memory."""
    version = _checked(_libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION)))
    every = (1 << 13) - 1 | (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    rights = struct.pack("QQQ", every, _BIND_TCP | _CONNECT_TCP, _SCOPES)
    size = 8 if version < 4 else 16 if version < 6 else 24
    rules = _checked(_libc.syscall(_CREATE_RULESET, rights, ctypes.c_size_t(size), ctypes.c_uint32(0)))
    hidden = [os.path.realpath(each) for each in _told("HIDDEN").split(":") if each]
    for root in {*_READABLE, os.path.dirname(browser), os.path.dirname(os.path.realpath(browser))}:
        for path in _without(root, hidden):
            _allow(rules, path, _READ)
    for path, access in (
        ("/proc", _READ_FILE | _READ_DIR | _WRITE_FILE),
        ("/dev", _READ_FILE | _READ_DIR | _WRITE_FILE),
        ("/dev/shm", every),  # noqa: S108 - shared memory of its own processes
        (profile, every),
        *((folder, every) for folder in _told("FOLDERS").split(":")),
    ):
        _allow(rules, path, access)
    if version >= 4:
        _checked(
            _libc.syscall(_ADD_RULE, rules, _NET_PORT, struct.pack("QQ", _CONNECT_TCP, _port()), ctypes.c_uint32(0))
        )
    _checked(_libc.syscall(_RESTRICT_SELF, rules, ctypes.c_uint32(0)))
    os.close(rules)


def _port() -> int:
    return int(_told("LISTEN").partition(":")[2])


def _without(root: str, hidden: list[str]) -> list[str]:
    """Return `root`, or what lies in it beside what is hidden: a rule of Landlock cannot take anything back."""
    if root in hidden:
        return []
    if not any(each.startswith(f"{root.rstrip('/')}/") for each in hidden):
        return [root]
    return [path for child in os.scandir(root) for path in _without(child.path, hidden)]


def _allow(rules: int, path: str, access: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)  # type: ignore[attr-defined, unused-ignore]
    except OSError:
        # Not every machine has all of them.
        return
    try:
        if not os.path.isdir(path):
            access &= _OF_FILES
        beneath = struct.pack("=Qi", access, opened)
        _checked(_libc.syscall(_ADD_RULE, rules, _PATH_BENEATH, beneath, ctypes.c_uint32(0)))
    finally:
        os.close(opened)


def _see_nothing_hidden() -> None:
    """Fail where a folder that was to be hidden can still be opened, for whatever reason."""
    for folder in filter(None, _told("HIDDEN").split(":")):
        try:
            os.close(os.open(folder, os.O_RDONLY))
        except OSError:
            continue
        message = f"{folder} can still be opened"
        raise OSError(message)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


if __name__ == "__main__":
    main()
