# SPDX-License-Identifier: GPL-3.0-or-later
"""ONNX Runtime without its start-up noise."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import onnxruntime


@contextlib.contextmanager
def silent_stderr() -> Iterator[None]:
    """Drops what C code writes to the standard error.

    Debian's onnxruntime and onnx share libonnx, which registers every operator twice and writes a line on
    each, at the first use of either.  What is really wrong comes as an exception.
    """
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def session(path: Path, threads: int = 0) -> onnxruntime.InferenceSession:
    """A session on the CPU; threads 0: all."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    with silent_stderr():
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
