#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times networks in this engine and in others, interleaved, after checking that all agree.

Usage: bench.py BUILD_FOLDER [--networks NAME,...] [--sizes 256,512] [--threads 1,2] [--rounds N] [--seconds S] [--json]

All networks with the default rounds take 20 to 25 minutes on two cores.

NAME+train is an iteration of training: forward, backward, Adam. What must agree are then the gradients of all parameters, and
the memory that each took is shown.

Every engine runs in a process of its own, pinned to the same cores; they run in turn, round after round, so that a
disturbance hits all. Reported are the minimum and the median; the ratio is the fastest of the others to ours by minima.
"share" is the rate of the direct convolution's multiply-adds over the machine's peak, measured in the same rounds; "diff"
the largest difference from ONNX Runtime over the largest output. Without --networks the command line follows
(bench-command.py).
"""
import argparse
import importlib
import json
import math
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
ROUND = 0.02 # seconds of an engine's turn, at least
TOLERANCE = 1e-4 # relative to the largest output: more means that an engine computes something else
# Norm of the gradients' difference over their norm. Where a LeakyReLU's input is within rounding of 0 its slope is a matter of
# luck: with batch statistics over 8 x 8 positions PyTorch in float32 is 1e-3 to 1e-2 away from itself in float64.
TRAINING_TOLERANCE = 3e-2


class Engine:
    """A process that answers each line with a number."""

    def __init__(self, name, command, cores):
        self.name, self.values = name, []
        self.log = tempfile.TemporaryFile(mode='w+', errors='replace') # Debian's ONNX Runtime writes more than a pipe holds
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.log, text=True, env=environment(len(cores)),
                                        preexec_fn=lambda: os.sched_setaffinity(0, cores))
        self.about = None

    def wait(self):
        """Until it has loaded the network and written its output; says what went wrong otherwise."""
        line = self.process.stdout.readline()
        if not line:
            self.log.seek(0)
            lines = self.log.read().strip().splitlines() or ['no answer']
            raise RuntimeError(next((text for text in reversed(lines) if 'rror' in text), lines[-1]))
        self.about = json.loads(line)

    def round(self):
        """One run, or of a small network several in a row: they are run so, and each begins where the last one left the caches."""
        begun = time.perf_counter()
        while True:
            self.process.stdin.write('\n')
            self.process.stdin.flush()
            self.values.append(float(self.process.stdout.readline()))
            if time.perf_counter() - begun > ROUND:
                break

    def peak_memory(self):
        """Bytes that the process took since it said how many it had, at most."""
        status = pathlib.Path(f'/proc/{self.process.pid}/status').read_text()
        return int(status.split('VmHWM:')[1].split()[0]) * 1024 - self.about['before'] if 'before' in self.about else None

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.log.close()
        self.process.wait()


def environment(threads):
    return {**os.environ, 'OMP_NUM_THREADS': str(threads), 'OPENBLAS_NUM_THREADS': str(threads)}


def node_modules():
    """Where onnxruntime-node lies, if it does: NR_BENCH_NODE_MODULES, made by ./dev bench."""
    path = os.environ.get('NR_BENCH_NODE_MODULES', '')
    return path if path and shutil.which('node') and os.path.isdir(path + '/onnxruntime-node') else None


def export_training(name, size, folder):
    """The network as it is trained, with the statistics of the batch."""
    import torch
    import networks
    module, channels = networks.make(name.removesuffix('+train'))
    onnx = folder / f'{name}-{size}.onnx'
    if not onnx.exists():
        torch.onnx.export(module.train(), torch.zeros(1, channels, size, size), str(onnx), opset_version=17,
                          input_names=['input'], output_names=['output'], dynamo=False, do_constant_folding=False,
                          training=torch.onnx.TrainingMode.TRAINING)
    return onnx, None, [[1, channels, size, size]]


def export(name, size, folder):
    """Writes NAME.onnx and NAME.pt once; returns their paths and the input's shape."""
    import torch
    sys.path.insert(0, str(HERE))
    import networks
    if name.endswith('+train'):
        return export_training(name, size, folder)
    module, channels = networks.make(name)
    onnx, traced = folder / f'{name}-{size}.onnx', folder / f'{name}-{size}.pt'
    if not onnx.exists():
        x = torch.zeros(1, channels, size, size)
        with torch.inference_mode():
            torch.onnx.export(module, x, str(onnx), opset_version=17, input_names=['input'],
                              output_names=['output'], dynamo=False)
            torch.jit.trace(module, x, check_trace=False).save(str(traced))
    return onnx, traced, [[1, channels, size, size]]


def start_engines(build, name, onnx, traced, shapes, size, cores, folder):
    x_path = folder / 'x.f32'
    np.random.default_rng(7).random(sum(map(math.prod, shapes)), np.float32).tofile(x_path)
    shape = [str(len(cores)), '+'.join('x'.join(map(str, dims)) for dims in shapes)]
    worker = [sys.executable, str(HERE / 'worker.py')]
    commands = {
        'ours': lambda y: [str(build / 'tests/bench/bench-run-network'), str(onnx), str(x_path), y, *shape],
        'onnxruntime': lambda y: [*worker, 'onnxruntime', str(onnx), str(x_path), y, *shape],
        'onnxruntime-node': lambda y: ['node', str(HERE / 'worker.mjs'), str(onnx), str(x_path), y, *shape],
        'torch': lambda y: [*worker, 'torch', str(traced), str(x_path), y, *shape],
        'opencv': lambda y: [*worker, 'opencv', str(onnx), str(x_path), y, *shape],
    }
    if name.endswith('+train'):
        network = name.removesuffix('+train')
        commands = {
            'ours': lambda y: [str(build / 'tests/bench/bench-train-network'), str(onnx), str(x_path), y, *shape],
            'torch': lambda y: [sys.executable, str(HERE / 'train-worker.py'), network, str(x_path), y, *shape],
        }
    elif traced is None:
        del commands['torch']
    if node_modules() is None:
        commands.pop('onnxruntime-node', None)

    results = {engine: folder / f'{engine}.f32' for engine in commands}
    started = [Engine(engine, command(str(results[engine])), cores) for engine, command in commands.items()]
    engines, outputs = [], {}
    for engine in started: # loading takes them longer than a run: all at once
        try:
            engine.wait()
            outputs[engine.name] = np.fromfile(results[engine.name], np.float32)
            engines.append(engine)
        except (RuntimeError, OSError) as error:
            print(f'{name} {size}: {engine.name} left out: {error}', file=sys.stderr)
            engine.close()
    return engines, outputs


def gradient_differences(outputs):
    want = outputs.get('torch', next(iter(outputs.values())))
    return {engine: float(np.linalg.norm(y - want) / np.linalg.norm(want)) if y.size == want.size else float('inf')
            for engine, y in outputs.items()}


def differences(outputs):
    """Largest difference of each engine from onnxruntime, relative to the largest output."""
    want = outputs.get('onnxruntime', next(iter(outputs.values())))
    scale = float(np.abs(want).max()) or 1.0
    return {engine: float(np.abs(y - want).max()) / scale if y.size == want.size else float('inf')
            for engine, y in outputs.items()}


def shipped():
    """Our own models: name, file. PyTorch has no module of them and is left out."""
    for config in sorted((HERE.parent.parent / 'weights').glob('*/config.json')):
        for model in sorted(config.parent.glob('*.onnx')):
            suffix = model.stem.removeprefix('model').replace('_', '-')
            yield config.parent.name + (suffix if not suffix or suffix[0] == '-' else '-' + suffix), model


def shapes_of(model, size):
    """Shapes of the inputs for pictures of this size; None if the model has a size of its own, which comes with size 0."""
    import onnx
    shapes, is_open = [], False
    for tensor in onnx.load(str(model)).graph.input:
        dims = [d.dim_value for d in tensor.type.tensor_type.shape.dim]
        is_open = is_open or 0 in dims[1:]
        shapes.append([dims[0] or 1] + [n or size for n in dims[1:]])
    return shapes if is_open == (size != 0) else None


def measure(args, name, size, threads, folder, model=None):
    cores = sorted(os.sched_getaffinity(0))[:threads]
    if len(cores) < threads:
        return None
    if model is not None:
        onnx, traced, shapes = model, None, shapes_of(model, size)
    else:
        onnx, traced, shapes = export(name, size, folder) if size != 0 else (None, None, None)
    if shapes is None:
        return None
    engines, outputs = start_engines(args.build, name, onnx, traced, shapes, size, cores, folder)
    peak_program = args.build / 'tests/bench/bench-fma-peak'
    peak = Engine('peak', [str(peak_program)], cores[:1]) if peak_program.exists() else None
    try:
        if peak:
            peak.wait()
        is_training = name.endswith('+train')
        apart = gradient_differences(outputs) if is_training else differences(outputs)
        wrong = [e for e, d in apart.items() if not d <= (TRAINING_TOLERANCE if is_training else TOLERANCE)]
        if 'ours' not in outputs or 'ours' in wrong:
            raise RuntimeError(f'our output is {apart.get("ours", "missing, not")} away from the others\'')
        engines = [e for e in engines if e.name not in wrong]
        spent = 0.0
        while len(engines[0].values) < args.rounds or spent < args.seconds:
            for engine in [*engines, *([peak] if peak else [])]:
                engine.round()
            spent = sum(sum(e.values) for e in engines) / 1e3
        memory = {e.name: e.peak_memory() for e in engines}
    finally:
        for engine in [*engines, *([peak] if peak else [])]:
            engine.close()

    ours = engines[0]
    others = [min(e.values) for e in engines[1:]]
    macs = ours.about['macs']
    top = max(peak.values) * threads if peak else None
    return {
        'network': name, 'size': size, 'threads': threads, 'gmac': macs / 1e9, 'level': ours.about['level'],
        'memory_mib': ours.about['memory'] / 2**20, 'peak_gflops': top,
        'ratio': min(others) / min(ours.values) if others else None,
        'engines': {e.name: {'version': e.about.get('version'), 'min_ms': min(e.values),
                             'median_ms': statistics.median(e.values), 'difference': apart[e.name],
                             'peak_mib': memory[e.name] / 2**20 if memory[e.name] else None,
                             'gflops': 2e-6 * macs / min(e.values),
                             'share': 2e-6 * macs / min(e.values) / top if top else None} for e in engines},
    }


def show(result):
    for name, e in result['engines'].items():
        share = f'{e["share"]:6.0%}' if e['share'] else '     -'
        peak = f' {e["peak_mib"]:6.0f} MiB' if e['peak_mib'] else ''
        ratio = f'{result["ratio"]:6.2f}x' if name == 'ours' and result['ratio'] else ''
        print(f'{result["network"]:28} {result["size"] or "-":>4} {result["threads"]:2}  {name:17} {e["min_ms"]:9.2f} '
              f'{e["median_ms"]:9.2f} {e["gflops"]:8.1f} {share} {e["difference"]:9.1e} {ratio}{peak}', flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    numbers = lambda text: [int(n) for n in text.split(',')]
    parser.add_argument('build', type=pathlib.Path)
    parser.add_argument('--networks', help='default: all')
    parser.add_argument('--sizes', type=numbers, default=[256, 512])
    parser.add_argument('--threads', type=numbers, default=[1, 2])
    parser.add_argument('--rounds', type=int, default=2, help='at least so many')
    parser.add_argument('--seconds', type=float, default=4.0, help='and until the engines ran so long')
    parser.add_argument('--cache', type=pathlib.Path, help='keep the ONNX files here')
    parser.add_argument('--json', action='store_true')
    args = parser.parse_args()

    sys.path.insert(0, str(HERE))
    import networks
    models = dict(shipped())
    names = args.networks.split(',') if args.networks else [*networks.NETWORKS, 'dip+train', *models]
    results, is_wrong = [], False
    if not args.json:
        print(f'{"network":28} size th  {"engine":17} {"min ms":>9} {"median":>9} {"GFLOP/s":>8}  share      diff  ratio')
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.cache or pathlib.Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            for size in [0, *args.sizes]:
                for threads in args.threads:
                    try:
                        result = measure(args, name, size, threads, folder, models.get(name))
                    except RuntimeError as error:
                        print(f'{name} {size}: {error}', file=sys.stderr)
                        is_wrong = True
                        continue
                    if result is None:
                        continue
                    results.append(result)
                    if not args.json:
                        show(result)
    command = [] if args.networks else importlib.import_module('bench-command').run(args.build, quiet=args.json)
    if args.json:
        json.dump({'networks': results, 'command': command}, sys.stdout, indent=1)
    return is_wrong


if __name__ == '__main__':
    sys.exit(main())
