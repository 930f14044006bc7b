"""Inside a worker process of the service: one thread listens, the main thread works.

One request at a time, and it is announced before it is touched, so that the front knows which
request killed the process. The listener answers pings also while a photo is worked on.
"""

from __future__ import annotations

import os
import queue
import threading
from dataclasses import replace
from multiprocessing.connection import Connection

from m2fp_cli.batch.messages import Assignment, GaveUp, Moved, Stage
from m2fp_cli.batch.resources import resident_bytes
from m2fp_cli.batch.worker_line import WorkerLine, as_image_error, as_own_error, settle_process
from m2fp_cli.errors import UsageError
from m2fp_cli.server.messages import Answered, Ping, Pong, Refused, ShowAccessories
from m2fp_cli.server.work import ServiceJob, ServiceWorker

_Assignments = queue.SimpleQueue[Assignment | ShowAccessories | None]


def run_service_worker(connection: Connection, job: ServiceJob, threads: int) -> None:
    """Answer requests until the front says stop or is gone; the target of a worker process."""
    settle_process(threads)
    line = WorkerLine(connection)
    line.pass_delays_on()
    try:
        worker = job.build_worker(threads)
        card = worker.introduce()
    except Exception as error:
        line.say(GaveUp(as_own_error(error), booting=True))
        return
    line.say(replace(card, resident_bytes=resident_bytes(os.getpid())))
    assignments: _Assignments = queue.SimpleQueue()
    listener = threading.Thread(target=_listen, args=(line, assignments), daemon=True)
    listener.start()
    while (assignment := assignments.get()) is not None:
        if isinstance(assignment, ShowAccessories):
            line.say(worker.show_accessories())
        else:
            line.say(Moved(assignment.ticket, Stage.COMPUTE))
            line.say(_work(worker, assignment))
        del assignment  # not to keep one photo until the next one comes


def _listen(line: WorkerLine, assignments: _Assignments) -> None:
    while (message := line.listen()) is not None:
        if isinstance(message, Ping):
            line.say(Pong(message.number, resident_bytes(os.getpid())))
        else:
            assignments.put(message)
    assignments.put(None)


def _work(worker: ServiceWorker, assignment: Assignment) -> Answered | Refused:
    ticket = assignment.ticket
    try:
        answer = worker.answer(assignment.task)
        return Answered(ticket, answer, resident_bytes(os.getpid()))
    except UsageError as error:
        return Refused(ticket, error, resident_bytes(os.getpid()))
    except Exception as error:
        return Refused(ticket, as_image_error(error), resident_bytes(os.getpid()))
