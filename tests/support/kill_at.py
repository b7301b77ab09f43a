# SPDX-License-Identifier: Apache-2.0
"""Runs a program and kills it at the Nth change that it makes to the file system, before the change or after it. By ptrace, so that all its threads count together."""
import ctypes
import os
import platform
import signal
import time

_NUMBERS = {  # rename, renameat, renameat2, link, linkat, unlink, unlinkat
    "x86_64": {82, 264, 316, 86, 265, 87, 263},
    "aarch64": {38, 276, 37, 35},
}.get(platform.machine())
_TRACEME, _CONT, _KILL_OPTIONS = 0, 7, 0x00100000
_SYSCALL, _SETOPTIONS, _SYSCALL_INFO = 24, 0x4200, 0x420e
_SYSGOOD, _CLONE, _FORK, _VFORK = 1, 8, 2, 4
_WALL = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long


def _ptrace(request, pid, address=0, data=0):
    if _libc.ptrace(request, pid, address, data) < 0:
        raise OSError(ctypes.get_errno(), "ptrace %#x" % request)


def available():
    """Some containers forbid it."""
    if _NUMBERS is None:
        return False
    try:
        return run_killed(["/bin/true"], dict(os.environ), 1 << 30, False)[0] == 0
    except OSError:
        return False


def _start(argv, env):
    pid = os.fork()
    if pid == 0:
        try:
            null = os.open(os.devnull, os.O_RDWR)
            for fd in (0, 1, 2):
                os.dup2(null, fd)
            _ptrace(_TRACEME, 0)
            os.kill(os.getpid(), signal.SIGSTOP)
            os.execve(argv[0], argv, env)
        finally:
            os._exit(127)
    _, status = os.waitpid(pid, _WALL)
    if not os.WIFSTOPPED(status):
        raise OSError(1, "the child was not traced")
    _ptrace(_SETOPTIONS, pid, 0, _SYSGOOD | _CLONE | _FORK | _VFORK | _KILL_OPTIONS)
    return pid


class _Watch:
    def __init__(self, at, after):
        self.at, self.after, self.count, self.info = at, after, 0, ctypes.create_string_buffer(128)
        self.inside = None  # the thread that makes the change to be killed after

    def hit(self, thread):
        """True when this stop is the moment."""
        try:
            _ptrace(_SYSCALL_INFO, thread, len(self.info), ctypes.addressof(self.info))
        except OSError:
            return False
        if self.info.raw[0] == 2:  # leaving a call
            return self.inside == thread
        if self.info.raw[0] != 1 or int.from_bytes(self.info.raw[24:32], "little") not in _NUMBERS:
            return False
        self.count += 1
        if self.count != self.at:
            return False
        if self.after:
            self.inside = thread
        return not self.after


def run_killed(argv, env, at, after, seconds=60):
    """(status, changes seen); the status is -9 when it was killed."""
    pid = _start(argv, env)
    watch, end = _Watch(at, after), time.monotonic() + seconds
    _ptrace(_SYSCALL, pid)
    while True:
        if time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
        thread, status = os.waitpid(-1, _WALL)
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            if thread == pid:
                return (os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)), watch.count
            continue
        number = os.WSTOPSIG(status)
        if number == signal.SIGTRAP | 0x80 and watch.hit(thread):
            os.kill(pid, signal.SIGKILL)
            continue
        pass_on = 0 if number in (signal.SIGTRAP, signal.SIGTRAP | 0x80, signal.SIGSTOP) else number
        try:
            _ptrace(_SYSCALL, thread, 0, pass_on)
        except OSError:
            pass  # it ended meanwhile
