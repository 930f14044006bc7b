"""Preloaded by the process that worker processes are forked from; see ``batch.processes``.

Before numba loads the first loop that it kept on disk, it registers all of its types and functions,
and imports SciPy for them: 0.6 s on one core of an AMD EPYC (Zen 3). Here it is done once for all
workers, and their pages of memory are shared. Nothing is compiled, and no thread is started.
"""

from __future__ import annotations

from numba.core.registry import cpu_target


def register_numba_types() -> None:
    """Do what numba does before its first loop in a process; doing it again costs nothing."""
    cpu_target.typing_context.refresh()
    cpu_target.target_context.refresh()


register_numba_types()
