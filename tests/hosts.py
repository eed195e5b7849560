"""Two hosts on one machine: network namespaces with a cable between them (Linux, as root).

Each has its own network only: MPICH would still find the shared memory of the machine, so UCX is
told to use TCP. Nothing in it is for tests alone: benchmarks/ranks.py uses it too.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ADDRESSES = "10.77.0.1", "10.77.0.2"
LAUNCHER = """#!/bin/sh
# mpiexec calls this in place of ssh: [options] address command
while [ "${1#-}" != "$1" ]; do shift; done
case $1 in %s) host=%s ;; %s) host=%s ;; esac
shift
exec ip netns exec $host sh -c "$*"
"""
Command = Callable[..., list[str]]  # (ranks on each host, caches of both, arguments of Python)


@contextmanager
def two_hosts(folder: Path, megabits: int | None = None) -> Iterator[Command]:
    """Yields what makes the command that starts ranks on both. The cable carries so many megabits
    per second each way, if given. Raises OSError where namespaces cannot be had.
    """
    mpiexec = shutil.which("mpiexec", path=str(Path(sys.executable).parent)) or "mpiexec"
    hosts = [f"tinylstm{os.getpid()}{end}" for end in "ab"]
    ends = [f"tl{os.getpid()}{end}" for end in "ab"]
    try:
        for host in hosts:
            ip("netns", "add", host)
        ip("link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
        for host, end, address in zip(hosts, ends, ADDRESSES, strict=True):
            ip("link", "set", end, "netns", host)
            ip("-n", host, "addr", "add", f"{address}/24", "dev", end)
            for link in (end, "lo"):
                ip("-n", host, "link", "set", link, "up")
            if megabits:
                shape = f"tbf rate {megabits}mbit burst 256kb latency 100ms".split()
                run("tc", "-n", host, "qdisc", "add", "dev", end, "root", *shape)
        launcher = folder / "launcher"
        names = (name for pair in zip(ADDRESSES, hosts, strict=True) for name in pair)
        launcher.write_text(LAUNCHER % tuple(names))
        launcher.chmod(0o755)
        start = ["ip", "netns", "exec", hosts[0], mpiexec, "-genv", "UCX_TLS", "tcp,self"]
        start += ["-launcher", "ssh", "-launcher-exec", str(launcher)]

        def command(ranks: int, caches: list[str], *arguments: str) -> list[str]:
            where = ",".join(f"{address}:{ranks}" for address in ADDRESSES)
            program, commands = [sys.executable, *arguments], [*start, "-hosts", where]
            for cache in caches:
                commands += ["-n", str(ranks), "-env", "TINYLSTM_CACHE", cache, *program, ":"]
            return commands[:-1]

        yield command
    finally:
        for host in hosts:
            subprocess.run(["ip", "netns", "del", host], capture_output=True, check=False)


def ip(*arguments: str) -> None:
    run("ip", *arguments)


def run(*command: str) -> None:
    """Raises OSError with what the command says if it fails, or is missing."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")
