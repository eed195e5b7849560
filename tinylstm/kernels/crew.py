"""Several threads in one recurrence: each has its own columns, and all meet at every step.

Why this is fast: where few rows share large weights, reading the weights takes the time, and here
each core reads its part of them only. Threads that waited for each other through Python's locks
would need longer than a step takes. So helpers spin in compiled code, without Python's lock: they
read a word of memory until it changes, and only then go to sleep. Next: recurrence.py.

    a job: an array of integers, with the address of a compiled function and of all that it needs
    run: this thread takes along the helpers that are awake, and works itself
    serve: what a helper does: wait for a job, take part, wait again

A job is given only to helpers that are spinning already, so nobody ever waits for a thread that
does not come; a helper that sleeps is woken for the next job. How many take part changes no bit:
each number is computed by one thread, in one way. `meet` is a barrier inside a job. Ctrl-C cannot
come between: it is seen by Python, after `run`.
"""

import atexit
import os
import platform
import threading
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy import ndarray

from ..threads import for_a_call, usable_cores
from .vectors import I64, Array

LINE = 16  # words; two cache lines, because processors fetch them in pairs
ASLEEP, READY, CLAIMED = 0, 1, 2  # a helper's state; a larger number is the address of its job
FUNCTION, TEAM, SERIAL, SIZES = 0, 1, 2, 4  # words of a job
ARRAYS, ARRIVED = 16, 3 * LINE  # the arrays' addresses; each thread's line, where it says how far
END = 1 << 30  # later than any step
SPINS = 4000  # pauses, about 50 microseconds; from then on other threads may have the core
IDLE = 2000  # times that a helper yields before it sleeps: about a millisecond
ENOUGH = 1 << 16  # multiply-adds in a step that are worth a meeting
PATIENCE = 2000  # pauses for which a job waits for helpers that were just woken


def _word(context: Any, builder: Any, kind: Any, array: Any, at: Any) -> Any:
    return builder.gep(Array(context, builder, kind, array).data, [at])


@intrinsic
def peek(typing, a, at):  # type: ignore[no-untyped-def]
    """a[at], and all that was written before the `post` that it comes from."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _word(context, builder, signature.args[0], *args)
        return builder.load_atomic(place, "acquire", 8)

    return types.int64(a, types.int64), emit


@intrinsic
def post(typing, a, at, value):  # type: ignore[no-untyped-def]
    """a[at] = value, after all that was written before."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _word(context, builder, signature.args[0], *args[:2])
        builder.store_atomic(args[2], place, "release", 8)
        return context.get_dummy_value()

    return types.void(a, types.int64, types.int64), emit


@intrinsic
def swap(typing, a, at, old, new):  # type: ignore[no-untyped-def]
    """Whether a[at] was `old`; then it is `new` now."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _word(context, builder, signature.args[0], *args[:2])
        pair = builder.cmpxchg(place, args[2], args[3], "seq_cst", "seq_cst")
        return builder.extract_value(pair, 1)

    return types.boolean(a, types.int64, types.int64, types.int64), emit


@intrinsic
def pause(typing):  # type: ignore[no-untyped-def]
    """Tell the processor that this thread spins."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        x86 = platform.machine().lower() in ("x86_64", "amd64")
        if x86 or platform.machine().lower() in ("arm64", "aarch64"):
            name = "llvm.x86.sse2.pause" if x86 else "llvm.aarch64.hint"
            given = [] if x86 else [ir.Constant(ir.IntType(32), 1)]
            kind = ir.FunctionType(ir.VoidType(), [value.type for value in given])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, name), given)
        return context.get_dummy_value()

    return types.void(), emit


@intrinsic
def give_way(typing):  # type: ignore[no-untyped-def]
    """Let another thread have this core, if one wants it."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        name = "SwitchToThread" if os.name == "nt" else "sched_yield"
        kind = ir.FunctionType(ir.IntType(32), [])
        builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [])
        return context.get_dummy_value()

    return types.void(), emit


@intrinsic
def call(typing, function, me, job):  # type: ignore[no-untyped-def]
    """Run the compiled function at that address, with (me, job)."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = Array(context, builder, signature.args[2], args[2]).data
        nothing = ir.Constant(ir.IntType(8).as_pointer(), None)
        values = [args[1], data, nothing]
        kind = ir.FunctionType(ir.VoidType(), [value.type for value in values])
        builder.call(builder.inttoptr(args[0], kind.as_pointer()), values)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, job), emit


@intrinsic
def words(typing, address):  # type: ignore[no-untyped-def]
    """The pointer to integers at an address."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], I64.as_pointer())

    return types.CPointer(types.int64)(types.int64), emit


@njit(nogil=True, cache=True)
def arrive(job, me, step):  # type: ignore[no-untyped-def]
    """Say that thread `me` has done what comes before `step`."""
    post(job, ARRIVED + me * LINE, (job[SERIAL] << 32) + step)


@njit(nogil=True, cache=True)
def wait_for(job, other, step):  # type: ignore[no-untyped-def]
    """Wait until a thread has arrived."""
    turns, enough = 0, (job[SERIAL] << 32) + step
    while peek(job, ARRIVED + other * LINE) < enough:
        turns += 1
        if turns < SPINS:
            pause()
        else:
            give_way()


@njit(nogil=True, cache=True)
def meet(job, me, team, step):  # type: ignore[no-untyped-def]
    """Wait for each other: what any thread wrote before `step`, all may read after it."""
    if team > 1:
        arrive(job, me, step)
        for other in range(team):
            if other != me:
                wait_for(job, other, step)


@njit(nogil=True, cache=True)
def run(crew, job, address, want, patience):  # type: ignore[no-untyped-def]
    """Do a job, in a team of up to `want` threads: this one, and helpers that are awake."""
    team, claimed, turns = 1, 0, 0
    while team < want and turns < patience:
        for i in range(len(crew) // LINE):
            if team < want and swap(crew, i * LINE, READY, CLAIMED):
                crew[i * LINE + 1], crew[i * LINE + 2] = team, claimed  # its number; who is before
                team, claimed = team + 1, i + 1
        turns += 1
        pause()
    job[TEAM] = team
    job[SERIAL] += 1
    while claimed > 0:
        i, claimed = claimed - 1, crew[(claimed - 1) * LINE + 2]
        post(crew, i * LINE, address)
    call(job[FUNCTION], 0, job)
    for other in range(1, team):
        wait_for(job, other, END)


@njit(nogil=True, cache=True)
def serve(crew, i):  # type: ignore[no-untyped-def]
    """Take part in jobs, as helper i, until none has come for a while."""
    post(crew, i * LINE, READY)
    turns = 0
    while True:
        state = peek(crew, i * LINE)
        if state > CLAIMED:
            job, me = carray(words(state), 1), crew[i * LINE + 1]
            call(job[FUNCTION], me, job)
            crew[i * LINE + 3] += 1
            post(crew, i * LINE, READY)
            arrive(job, me, END)
            turns = 0
        elif turns < SPINS:
            pause()
        elif turns < SPINS + IDLE:
            give_way()
        elif swap(crew, i * LINE, READY, ASLEEP):
            return
        turns += 1


class Crew:
    """The helpers of this process, one for each core but one, and what wakes them."""

    def __init__(self, size: int | None = None) -> None:
        self.size = max(usable_cores() - 1, 0) if size is None else size
        self.states = np.zeros(max(self.size, 1) * LINE, np.int64)
        self.bells = [threading.Event() for _ in range(self.size)]
        self.threads: list[threading.Thread] = []
        self.lock, self.closed = threading.Lock(), False
        self.local = threading.local()

    def job(self) -> ndarray:
        """This thread's job, which is used again and again."""
        if not hasattr(self.local, "job"):
            self.local.job = np.zeros(ARRIVED + (self.size + 1) * LINE, np.int64)
        job: ndarray = self.local.job
        return job

    @property
    def jobs(self) -> list[int]:
        """In how many jobs each helper took part."""
        return [int(number) for number in self.states[3::LINE][: self.size]]

    def wake(self, number: int) -> None:
        """Wake that many helpers, if they sleep; the first time, start them."""
        with self.lock:
            while len(self.threads) < min(number, self.size) and not self.closed:
                self.threads.append(
                    threading.Thread(target=self.help, args=(len(self.threads),), daemon=True)
                )
                self.threads[-1].start()
        for i in range(min(number, self.size)):
            if self.states[i * LINE] == ASLEEP:
                self.bells[i].set()

    def help(self, i: int) -> None:
        """What a helper's thread does."""
        while not self.closed:
            self.bells[i].wait()
            self.bells[i].clear()
            serve(self.states, i)

    def close(self) -> None:
        """Wait until the helpers sleep, and end them: no compiled code may run on at exit."""
        self.closed = True
        for bell, thread in zip(self.bells, self.threads, strict=False):
            bell.set()
            thread.join()


@cache
def crew() -> Crew:
    """The crew of this process."""
    found = Crew()
    atexit.register(found.close)
    return found


if hasattr(os, "register_at_fork"):  # a child has no helpers yet
    os.register_at_fork(after_in_child=crew.cache_clear)


def address(array: ndarray) -> int:
    """Where an array's numbers are."""
    place: int = array.__array_interface__["data"][0]
    return place


def work(function: int, sizes: list[int], arrays: list[ndarray], want: int) -> None:
    """Run a compiled function in a team of up to `want` threads: `job[SIZES:]` are the sizes,
    `job[ARRAYS:]` the arrays' addresses.
    """
    hands = crew()
    job = hands.job()
    job[FUNCTION] = function
    job[SIZES : SIZES + len(sizes)] = sizes
    job[ARRAYS : ARRAYS + len(arrays)] = [address(array) for array in arrays]
    if want > 1:
        hands.wake(want - 1)
    run(hands.states, job, address(job), want, PATIENCE)


def team_for(rows: int, units: int, columns: int, wide: int) -> int:
    """How many threads may share a step of `rows` times (units, columns): see docs/speed.md."""
    if units % wide or rows * units * columns < ENOUGH:
        return 1
    return min(for_a_call(), units // wide)
