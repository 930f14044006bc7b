"""A run of the scripted job in a process of its own, for tests that kill it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from m2fp_cli.batch.progress import choose_progress
from m2fp_cli.batch.remote.remote import Remote
from m2fp_cli.batch.run import run_batch
from m2fp_cli.batch.run_options import RunOptions
from m2fp_cli.batch.scan import find_images
from m2fp_cli.batch.shard import parse_shard
from m2fp_cli.batch.walk import ScanRules
from m2fp_cli.commands.running import say_how_it_went
from m2fp_cli.errors import M2fpError
from tests.support.scripted import ScriptedJob


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("photos", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--stage-seconds", type=float, default=0.0)
    parser.add_argument("--shard")
    parser.add_argument("--quiet", action="store_true")
    args = parser.parse_args()
    remote = Remote()
    output = remote.output_folder(args.output)
    job = ScriptedJob(output, stage_seconds=args.stage_seconds)
    shard = parse_shard(args.shard) if args.shard else None
    options = RunOptions(workers=2, shard=shard, remote=remote)
    progress = choose_progress(quiet=args.quiet)
    try:
        rules = ScanRules(recursive=True)
        scan = remote.find_photos([args.photos], rules=rules, output=output)
        scan = scan or find_images([args.photos], rules=rules, output=output)
        report = run_batch(scan, job, options, progress)
    except M2fpError as error:
        print(f"m2fp: {error}", file=sys.stderr)
        return error.exit_code
    say_how_it_went(report, progress, "done", has_more=False)
    return report.exit_code


if __name__ == "__main__":
    sys.exit(main())
