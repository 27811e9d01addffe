#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each shipped network, run by our engine, against the direct convolutions of ONNX Runtime, on each CPU level.

Usage: test-accuracy.py WEIGHTS_FOLDER. RUN_MODEL in the environment names the runner, which checks on the way that 1, 2
and 3 threads give the same bytes. The pictures are in [0, 1]: waves, edges and noise.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

import tap

try:
    import onnxruntime
except ImportError:
    onnxruntime = None

LIMIT = 1e-4 # a tenth of a step of 10 bits
MISSING_LEVEL = 77
HEIGHT, WIDTH = 88, 104 # multiples of 8, no multiples of Winograd's 6


def picture(shape):
    """A tensor of a network's input: dimensions that are open become a picture's."""
    size = [1, 3, HEIGHT, WIDTH] if len(shape) == 4 else [1] * len(shape)
    size = [n if isinstance(n, int) else s for n, s in zip(shape, size)]
    if len(shape) != 4:
        return np.random.default_rng(4).standard_normal(size).astype(np.float32)
    if size[1] == 1:
        return np.full(size, 25 / 255, np.float32) # the noise level
    y, x = np.mgrid[:size[2], :size[3]]
    smooth = np.stack([0.5 + 0.4 * np.sin(x / 11 + y / 7 + c) for c in range(size[1])])
    smooth[:, (x // 20 + y // 15) % 3 == 0] *= 0.5
    noisy = smooth + np.random.default_rng(5).normal(0, 0.05, smooth.shape)
    return noisy.clip(0, 1).astype(np.float32)[None]


def run(model, level, inputs, folder):
    arguments = []
    for i, value in enumerate(inputs):
        (folder / f'input{i}').write_bytes(value.tobytes())
        arguments.append(f"{'x'.join(map(str, value.shape))}:{folder / f'input{i}'}")
    done = subprocess.run([os.environ['RUN_MODEL'], model, level, folder / 'output', *arguments],
                          capture_output=True, text=True, check=False)
    if done.returncode == MISSING_LEVEL:
        raise tap.Skip(f'the machine has no {level}')
    assert done.returncode == 0, done.stderr
    shape = [int(n) for n in done.stdout.split()[-1].split('x')]
    return np.fromfile(folder / 'output', np.float32).reshape(shape)


def compare(model, level):
    if onnxruntime is None:
        raise tap.Skip('python3-onnxruntime is not there')
    session = onnxruntime.InferenceSession(str(model), providers=['CPUExecutionProvider'])
    inputs = [picture(value.shape) for value in session.get_inputs()]
    want = session.run(None, {value.name: x for value, x in zip(session.get_inputs(), inputs)})[0]
    with tempfile.TemporaryDirectory() as folder:
        got = run(model, level, inputs, pathlib.Path(folder))
    assert got.shape == want.shape, f'{got.shape}, expected {want.shape}'
    error = float(np.abs(got - want).max())
    print(f'# {model.parent.name}/{model.name} {level}: {error:.1e}')
    assert error <= LIMIT, f'{error} apart, allowed are {LIMIT}'


def main(weights):
    tests = {}
    for model in sorted(pathlib.Path(weights).glob('*/*.onnx')):
        for level in ('c', 'avx2', 'avx512'):
            name = f'{model.parent.name}_{model.stem}'.replace('-', '_')
            tests[f'test_{name}_is_within_{LIMIT}_on_{level}'] = lambda model=model, level=level: compare(model, level)
    tap.run(tests)


if __name__ == '__main__':
    main(sys.argv.pop())
