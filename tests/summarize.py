#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts the results in meson's testlog.json and prints one line: N passed, N failed[, N skipped].

A test that speaks TAP counts with each of its points, any other test counts once. A test that
ended badly without a failed point of its own (crash, time-out, missing points) counts as one
failure more. The status is 1 when anything failed or nothing ran.
"""
import json
import re
import sys

POINT = re.compile(r'^(not )?ok\b(.*)', re.MULTILINE)
PLAN = re.compile(r'^1\.\.\d+', re.MULTILINE)
NOT_COUNTED = re.compile(r'#\s*(skip|todo)', re.IGNORECASE)
GOOD = {'OK', 'EXPECTEDFAIL'}


def count_test(test):
    """(passed, failed, skipped) of one line of the log."""
    passed = failed = skipped = 0
    output = test.get('stdout') or ''
    if PLAN.search(output):
        for negated, rest in POINT.findall(output):
            if NOT_COUNTED.search(rest):
                skipped += 1
            elif negated:
                failed += 1
            else:
                passed += 1

    result = test['result']
    if result == 'SKIP':
        skipped = max(skipped, 1)
    elif result not in GOOD:
        failed = max(failed, 1)
    elif passed + failed + skipped == 0:
        passed = 1
    return passed, failed, skipped


def main():
    with open(sys.argv[1], encoding='utf-8') as log:
        counts = [count_test(json.loads(line)) for line in log]
    passed, failed, skipped = (sum(column) for column in zip(*counts)) if counts else (0, 0, 0)
    print(f'{passed} passed, {failed} failed' + (f', {skipped} skipped' if skipped else ''))
    return 1 if failed or not passed else 0


if __name__ == '__main__':
    sys.exit(main())
