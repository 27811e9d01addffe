#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the test_* functions of a Python file inside a headless GIMP and passes on their TAP.

Usage: run-in-gimp.py BUILD_FOLDER FILE.py
"""
import pathlib
import sys
import tempfile

from gimp_console import GimpConsole, GimpError

INSIDE = '''
import sys
sys.path[:0] = [{here!r}, {tests!r}]
sys.argv = [{name!r}]
sys.stdout = open({points!r}, 'w', encoding='utf-8')
import tap
try:
    tap.run(vars(__import__({name!r})))
except SystemExit:
    pass
finally:
    sys.stdout.close()
    sys.stdout = sys.__stdout__
'''


def main():
    build, file = sys.argv[1:]
    here = pathlib.Path(__file__).resolve().parent
    with tempfile.TemporaryDirectory() as folder:
        points = pathlib.Path(folder) / 'points'
        try:
            GimpConsole(build, folder).run_python(INSIDE.format(
                here=str(here), tests=str(here.parent), name=pathlib.Path(file).stem, points=str(points)))
        except GimpError as error: # then points are missing below the plan, and meson says so
            print(f'GIMP: {error}', file=sys.stderr)
        sys.stdout.write(points.read_text(encoding='utf-8') if points.exists() else 'Bail out! GIMP did not start\n')


if __name__ == '__main__':
    main()
