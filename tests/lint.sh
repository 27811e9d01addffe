#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Everything about the sources that can be checked without running the program.
# Usage: lint.sh BUILD_FOLDER   (made when missing; compiled with all warnings as errors)

set -uo pipefail
cd -- "$(dirname -- "$0")/.." || exit 1

build=$1
failed=()

# Runs one check, whose name comes first, and remembers it if it fails.
check () {
  local name=$1

  shift
  printf '== %s\n' "$name"
  "$@" || failed+=("$name")
}

# Tracked and new files of these kinds, without build folders.
sources () {
  local patterns=()

  for pattern; do
    patterns+=(-o -name "$pattern")
  done
  find . \( -name '.git' -o -name 'build*' -type d -o -name __pycache__ \) -prune -o \
    -type f \( "${patterns[@]:1}" \) -print0
}

format () { sources '*.c' '*.h' | xargs -0 -r clang-format --dry-run -Werror; }

compile () {
  [ -f "$build/build.ninja" ] || meson setup -Dwerror=true --buildtype=debugoptimized "$build" . || return
  ninja -C "$build"
}

python_compiles () {
  sources '*.py' | xargs -0 -r python3 -c '
import sys
for name in sys.argv[1:]:
    compile(open(name, encoding="utf-8").read(), name, "exec")'
}

scripts () { { printf 'dev\0.ci/run\0'; sources '*.sh'; } | xargs -0 shellcheck; }

license_lines () {
  local missing

  missing=$(sources '*.c' '*.h' '*.py' '*.sh' '*.scm' | xargs -0 grep -L 'SPDX-License-Identifier: GPL-3.0-or-later')
  [ -z "$missing" ] || { printf 'no license line: %s\n' "$missing"; return 1; }
}

# Every text of the sources is translated, and every translation well formed.
translations () {
  local texts language missing status=0

  texts=$(mktemp)
  grep -v '^#' po/POTFILES.in |
    xgettext --files-from=- --from-code=UTF-8 --keyword=_ --keyword=N_ \
      --keyword=g_dngettext:2,3 --output="$texts"
  for language in po/*.po; do
    msgfmt --check --output-file=/dev/null "$language" || status=1
    missing=$(msgmerge --quiet --no-fuzzy-matching "$language" "$texts" | msgattrib --untranslated --no-obsolete)
    [ -z "$missing" ] || { printf '%s lacks:\n%s\n' "$language" "$missing"; status=1; }
  done
  rm -f "$texts"
  return "$status"
}

check "format" format
check "warnings" compile
check "includes" python3 tests/test-arrows.py
check "python" python_compiles
check "scripts" scripts
check "license lines" license_lines
check "translations" translations

if [ ${#failed[@]} -gt 0 ]; then
  printf 'lint: failed: %s\n' "$(IFS=,; echo "${failed[*]}")"
  exit 1
fi
echo "lint: all good"
