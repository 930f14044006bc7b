"""A run of the scripted job on a cluster, in a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path

from m2fp_cli.batch.progress import choose_progress
from m2fp_cli.batch.remote.remote import Remote
from m2fp_cli.batch.run import run_batch
from m2fp_cli.batch.run_options import RunOptions
from m2fp_cli.batch.scan import find_images
from m2fp_cli.batch.walk import ScanRules
from m2fp_cli.cluster.executor import RayExecutor
from m2fp_cli.commands.running import say_how_it_went
from m2fp_cli.errors import M2fpError
from tests.support.scripted import ScriptedJob


def main(photos: str, output: str, address: str, stage_seconds: str = "0") -> int:
    remote = Remote()
    job = ScriptedJob(remote.output_folder(Path(output)), stage_seconds=float(stage_seconds))
    progress = choose_progress(quiet=False, verbose=True)
    try:
        scan = remote.find_photos([Path(photos)], output=job.output, rules=ScanRules())
        if scan is None:
            scan = find_images([Path(photos)], output=job.output)
        options = RunOptions(executor=RayExecutor(address), remote=remote)
        report = run_batch(scan, job, options, progress)
    except M2fpError as error:
        print(f"m2fp: {error}", file=sys.stderr)
        return error.exit_code
    say_how_it_went(report, progress, "done", has_more=False)
    return report.exit_code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
