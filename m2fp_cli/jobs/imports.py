"""What workers of several jobs import before their first photo; see ``batch.job.Job.preload``."""

from __future__ import annotations

PICTURE_MODULES = ("cv2", "m2fp_cli.imaging.preload")
