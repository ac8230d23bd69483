"""Linear algebra of a fit on one thread: the same digits on any number of cores, and no waiting for busy ones.

The matrices are tall and narrow: where another process holds a core, two threads of OpenBLAS took four
times as long as one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]


@contextmanager
def one_thread() -> Iterator[None]:
    """Holds BLAS to one thread (of the whole process) and gives back what was set before."""
    with _libraries().limit(limits=1, user_api="blas"):
        yield


@cache
def _libraries() -> ThreadpoolController:
    # Looking through the loaded libraries takes longer than a small fit.
    return ThreadpoolController()
