"""Starting a worker process of the service, whose pipe nobody waits for long."""

from __future__ import annotations

import os
import socket
import struct
from typing import Any

from m2fp_cli.batch.processes import Preloading, WorkerMain
from m2fp_cli.batch.worker_handle import WorkerHandle
from m2fp_cli.server.messages import WorkRequest

_PIPE_SECONDS = 5.0  # a worker that stops reading or writing in the middle of a message is dead


def start_worker(main: WorkerMain, job: Preloading, threads: int) -> WorkerHandle[WorkRequest]:
    """Start one; the arguments are those of ``WorkerHandle``."""
    new: WorkerHandle[WorkRequest] = WorkerHandle(main, job, threads)
    _limit_pipe(new)
    return new


def _limit_pipe(member: WorkerHandle[Any]) -> None:
    """Let nobody wait for a worker that has stopped in the middle of a message."""
    timeval = struct.pack("ll", int(_PIPE_SECONDS), 0)
    with socket.socket(fileno=os.dup(member.connection.fileno())) as pipe:
        for option in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
            pipe.setsockopt(socket.SOL_SOCKET, option, timeval)
