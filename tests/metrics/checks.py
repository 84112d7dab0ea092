"""Counts what holds and what does not, and says so as scripts/test adds it up."""
import sys

_count = {True: 0, False: 0}


def check(what, holds, why=""):
    """Counts it; says what does not hold, and why."""
    _count[bool(holds)] += 1
    if not holds:
        print("FAILED:", what, why)


def finish():
    """Prints the counts and ends with them."""
    print(f"{_count[True]} passed, {_count[False]} failed")
    sys.exit(_count[False] > 0)
