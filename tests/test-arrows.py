#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which part of the program may include which: reads all #include lines and fails on a new arrow.

To allow an arrow, change the table below: that is a change of the design, so the commit says why
the part needs it.
"""
import pathlib
import re
import tempfile

import tap

# Part of the program: where its files begin (the longest match counts), which other parts it
# may include, which libraries. Every part may include itself and the C library.
PARTS = {
    'nr-restore.h':   ('engine/nr-restore.h', '', 'glib'),
    'nr-inference.h': ('engine/nr-inference.h', '', 'glib'),
    'nr-gradient.h':  ('engine/nr-gradient.h', 'nr-inference.h', 'glib'),
    'restore':        ('engine/restore/', 'nr-restore.h nr-inference.h nr-gradient.h', 'glib json archive'),
    'session':        ('engine/inference/session', 'nr-inference.h inference model graph kernels', 'glib openblas'),
    'model':          ('engine/inference/model', 'nr-inference.h inference onnx graph', 'glib'),
    'inference':      ('engine/inference/', 'nr-inference.h kernels', 'glib openblas'),
    'gradient':       ('engine/inference/gradient/', 'nr-inference.h nr-gradient.h inference model graph ops kernels', 'glib'),
    'onnx':           ('engine/inference/onnx/', 'nr-inference.h inference model', 'glib protobuf'),
    'graph':          ('engine/inference/graph/', 'nr-inference.h inference model kernels', 'glib'),
    'ops':            ('engine/inference/ops/', 'nr-inference.h inference graph kernels', 'glib'),
    'kernels':        ('engine/inference/kernels/', '', 'openblas'),
    'pixels':         ('plugin/pixels/', 'nr-restore.h', 'glib gegl'),
    'command':        ('plugin/command/', 'nr-restore.h nr-inference.h pixels', 'glib gegl gexiv2 jpeg json'),
    'ui':             ('ui/', 'nr-restore.h', 'glib gtk gimp'),
    'gimp':           ('plugin/gimp/', 'nr-restore.h pixels ui', 'glib gegl gtk gimp'),
}

LIBRARIES = {
    'archive':  r'archive(_entry)?\.h',
    'gegl':     r'(gegl|babl)[\w./-]*\.h',
    'gexiv2':   r'gexiv2/.*',
    'gimp':     r'libgimp\w*/.*',
    'glib':     r'(glib|gio|gobject|gmodule)[\w./-]*\.h',
    'gtk':      r'(gtk|gdk|cairo|pango)[\w./-]*\.h',
    'jpeg':     r'j(peglib|error)\.h',
    'json':     r'json-glib/.*',
    'openblas': r'(cblas|openblas_config)\.h',
    'protobuf': r'protobuf-c/.*',
    'libc':     r'(assert|cpuid|ctype|errno|fcntl|fenv|float|immintrin|inttypes|limits|locale|math'
                r'|pthread|sched|semaphore|setjmp|signal|std\w+|string|strings|time|unistd|sys/\w+)\.h',
}

# Folders that the build names as include directories; the including file's own is searched first.
INCLUDE_FOLDERS = ('engine', 'engine/inference', 'engine/inference/kernels', 'plugin', 'plugin/pixels',
                   'ui', '.')
GENERATED = {'onnx.pb-c.h': 'onnx'} # headers that only a build folder has, and their parts
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def part_of(path):
    """Name of the part that a path (relative to the root, with slashes) belongs to, or None."""
    matches = [(len(start), name) for name, (start, _, _) in PARTS.items() if path.startswith(start)]
    return max(matches)[1] if matches else None


def included_part(root, source, header):
    """Part of a header included with quotes (itself if it has none); LookupError when no such header exists."""
    for folder in (source.parent, *(root / name for name in INCLUDE_FOLDERS)):
        candidate = (folder / header).resolve()
        if candidate.is_file():
            return part_of(candidate.relative_to(root).as_posix()) or header
    return GENERATED[header]


def arrow_error(root, source, quote, header):
    """What is wrong with one include line, or None."""
    part = part_of(source.relative_to(root).as_posix())
    if part is None:
        return 'the file belongs to no part of the program'
    _, parts, libraries = PARTS[part]
    if quote == '<':
        libraries = ['libc', *libraries.split()]
        allowed = any(re.fullmatch(LIBRARIES[name], header) for name in libraries)
        return None if allowed else f'{part} may not include <{header}>, only {" ".join(libraries)}'

    try:
        target = included_part(root, source, header)
    except LookupError:
        return f'no file "{header}" is found'
    if target in (part, *parts.split()):
        return None
    return f'{part} may not include {target} ("{header}")'


def check(root):
    """All forbidden includes below root, as 'file: what is wrong'."""
    root = root.resolve()
    errors = []
    for folder in ('engine', 'plugin', 'ui'):
        for source in sorted((root / folder).rglob('*.[ch]')):
            for quote, header in INCLUDE.findall(source.read_text(encoding='utf-8')):
                error = arrow_error(root, source, quote, header)
                if error:
                    errors.append(f'{source.relative_to(root)}: {error}')
    return errors


def errors_with(path, line):
    """Errors of a small tree in which one file includes what LINE says."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name in ('engine/nr-restore.h', 'ui/dialog.h', 'engine/inference/tensor.h', path):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text('', encoding='utf-8')
        (root / path).write_text(line + '\n', encoding='utf-8')
        return check(root)


def test_engine_including_the_dialog_is_caught():
    assert errors_with('engine/restore/fill.c', '#include "ui/dialog.h"')


def test_engine_including_gegl_is_caught():
    assert errors_with('engine/restore/fill.c', '# include <gegl.h>')


def test_kernel_including_glib_is_caught():
    assert errors_with('engine/inference/kernels/c/relu.c', '#include <glib.h>')


def test_restore_including_a_tensor_is_caught():
    assert errors_with('engine/restore/tile.c', '#include "../inference/tensor.h"')


def test_header_that_does_not_exist_is_caught():
    assert errors_with('ui/preview.c', '#include "gone.h"')


def test_allowed_includes_pass():
    assert not errors_with('plugin/gimp/plug-in.c', '#include "ui/dialog.h"')
    assert not errors_with('engine/inference/kernels/c/relu.c', '#include <math.h>')


def test_all_includes_follow_the_arrows_of_the_design():
    errors = check(pathlib.Path(__file__).resolve().parents[1])
    assert not errors, '\n'.join(errors)


if __name__ == '__main__':
    tap.run(globals())
