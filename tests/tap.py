# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the test_* functions of a module and speaks TAP, so that meson counts each of them.

    import tap

    def test_something():
        assert 1 + 1 == 2

    def test_needs_tool():
        raise tap.Skip("tool is not there")

    if __name__ == "__main__":
        tap.run(globals())
"""

import sys
import traceback


class Skip(Exception):
    """Raised by a test that cannot run here; the text says why."""


def run(module):
    """Runs every test_* function of MODULE (a globals() dict) in order, or those named on the command line."""
    wanted = sys.argv[1:]
    tests = [(name, value) for name, value in module.items()
             if name.startswith("test_") and callable(value) and (not wanted or name in wanted)]
    failed = 0

    print(f"TAP version 14\n1..{len(tests)}", flush=True)
    for number, (name, test) in enumerate(tests, 1):
        claim = name.removeprefix("test_").replace("_", "-")
        try:
            test()
            print(f"ok {number} {claim}", flush=True)
        except Skip as skip:
            print(f"ok {number} {claim} # SKIP {skip}", flush=True)
        except Exception:
            failed += 1
            print(f"not ok {number} {claim}", flush=True)
            for line in traceback.format_exc().splitlines():
                print(f"# {line}", flush=True)
    sys.exit(1 if failed else 0)
