#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far the noise estimate is off, by the noise of evaluate.py's protocol.

    evaluate_estimate.py --data DATA [--sets kodak24 cbsd68] [--sigma 0 5 15 25 50 75]

Prints a markdown table: the mean estimate, the root of the mean square error, the smallest and the largest estimate.  Pictures
are clipped and rounded to 8 bits; sigma 0 is the clean picture, whose own grain counts as noise.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import numpy

from evaluate import noisy, pictures, read_picture, rounded, write_picture


def estimate(program: str, picture: numpy.ndarray) -> float:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "in.png")
        write_picture(source, picture)
        done = subprocess.run([program, "denoise", "--json", str(source), f"{folder}/out.png"], capture_output=True, text=True, check=True)
        return json.loads(done.stdout)["noise_estimate"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with the sets")
    parser.add_argument("--sets", nargs="*", default=["kodak24", "cbsd68"])
    parser.add_argument("--sigma", type=int, nargs="*", default=[0, 5, 15, 25, 50, 75])
    parser.add_argument("--program", default="neural-restore", help="the command line to run")
    options = parser.parse_args()
    print("| set | sigma | mean estimate | rms error | smallest | largest |\n| --- | --- | --- | --- | --- | --- |", flush=True)
    for name in options.sets:
        originals = [rounded(read_picture(file)) for _, file in pictures(options.data, name)]
        for sigma in options.sigma:
            found = numpy.array([estimate(options.program, noisy(clean, sigma, index, True)) for index, clean in enumerate(originals)])
            error = numpy.sqrt(numpy.mean((found - sigma) ** 2))
            print(f"| {name} | {sigma} | {found.mean():.2f} | {error:.2f} | {found.min():.2f} | {found.max():.2f} |", flush=True)


if __name__ == "__main__":
    main()
