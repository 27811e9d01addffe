#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times the command line on whole photographs: megapixels a second and peak memory of each task.

Usage: bench-command.py BUILD_FOLDER [--megapixels 2,12,24] [--tasks denoise,...] [--threads N] [--json]

For comparison the denoising model runs in a plain ONNX Runtime script too: untiled where that fits into half of the memory
that is free, and in tiles of 512 pixels with the model's halo. Its time is that of the network alone, without reading and
writing files. The photograph is made up: smooth areas, edges and noise; the time does not depend on it.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TILE = 512
BYTES_PER_PIXEL_UNTILED = 2500 # what ONNX Runtime takes for our denoise model, about: more is not tried
MEGAPIXELS = [2, 12, 24]
TASKS = {'denoise': ['--noise', '15'], 'deblur': [], 'super-resolve': ['--scale', '2']}


def photograph(megapixels, path):
    from PIL import Image
    height = int((megapixels * 1e6 / 1.5) ** 0.5)
    width = int(height * 1.5)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    smooth = np.stack([128 + 90 * np.sin(x / 211 + y / 97 + c) for c in range(3)], -1)
    smooth[(x // 160 + y // 120) % 3 == 0] *= 0.6
    noisy = smooth + np.random.default_rng(3).normal(0, 15, smooth.shape)
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(path, compress_level=1)
    return width, height


def ours(args, task, source, target):
    command = [str(args.build / 'plugin/command/neural-restore'), task, *TASKS[task], '--threads', str(args.threads),
               '--force', '--json', str(source), str(target)]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, 'NEURAL_RESTORE_WEIGHTS': str(ROOT / 'weights')})
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        return {'error': done.stderr.strip().splitlines()[-1:]}
    report = json.loads(done.stdout)
    return {'seconds': seconds, 'peak_memory_mib': report.get('peak_memory_mib'), 'tiles': report.get('tiles')}


RUNTIME_SCRIPT = '''
import json, pathlib, sys, time
import numpy as np, onnxruntime as ort
model, picture, threads, tile, halo = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
x = np.load(picture)
options = ort.SessionOptions()
options.intra_op_num_threads = threads
options.log_severity_level = 3
session = ort.InferenceSession(model, options, providers=['CPUExecutionProvider'])
def kib(name):
    return int(pathlib.Path('/proc/self/status').read_text().split(name + ':')[1].split()[0])
pathlib.Path('/proc/self/clear_refs').write_text('5') # the peak so far, of loading, is forgotten
before = kib('VmRSS')
run = lambda x: session.run(None, {'input': x, 'sigma': np.full_like(x[:, :1], 15 / 255)})[0]
start = time.perf_counter()
h, w = x.shape[2:]
if tile == 0:
    run(x[:, :, :h // 8 * 8, :w // 8 * 8])
else:
    inner = tile - 2 * halo
    padded = np.pad(x, ((0, 0), (0, 0), (halo, halo + inner), (halo, halo + inner)), 'reflect')
    for y in range(0, h, inner):
        for left in range(0, w, inner):
            run(np.ascontiguousarray(padded[:, :, y:y + tile, left:left + tile]))
seconds = time.perf_counter() - start
print(json.dumps({'seconds': seconds, 'peak_memory_mib': (kib('VmHWM') - before) / 1024}))
'''


def onnxruntime(args, source, tile, folder):
    from PIL import Image
    package = ROOT / 'weights/nr-denoise'
    halo = json.loads((package / 'config.json').read_text())['attributes']['neural_restore']['halo']
    picture = folder / 'picture.npy'
    np.save(picture, np.asarray(Image.open(source), np.float32).transpose(2, 0, 1)[None] / 255)
    done = subprocess.run([sys.executable, '-c', RUNTIME_SCRIPT, str(package / 'model.onnx'), str(picture),
                           str(args.threads), str(tile), str(halo // 8 * 8 + 8)], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else {'error': f'status {done.returncode}'}


def free_bytes():
    return os.sysconf('SC_AVPHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')


def measure(args, megapixels, folder):
    source, target = folder / 'in.png', folder / 'out.png'
    width, height = photograph(megapixels, source)
    for task in args.tasks:
        yield task, 'neural-restore', width, height, ours(args, task, source, target)
        if task == 'denoise':
            if width * height * BYTES_PER_PIXEL_UNTILED < free_bytes() / 2:
                yield task, 'onnxruntime untiled', width, height, onnxruntime(args, source, 0, folder)
            yield task, f'onnxruntime tiles {TILE}', width, height, onnxruntime(args, source, TILE, folder)


def show(result):
    pixels = result['width'] * result['height'] / 1e6
    start = f'{result["task"]:14} {result["engine"]:22} {result["width"]}x{result["height"]}'
    if 'error' in result:
        print(f'{start}: {result["error"]}', flush=True)
    else:
        print(f'{start} {result["seconds"]:8.2f} s {pixels / result["seconds"]:7.3f} MP/s '
              f'{result["peak_memory_mib"]:8.0f} MiB', flush=True)


def run(build, megapixels=MEGAPIXELS, tasks=tuple(TASKS), threads=None, quiet=False):
    """Measures all; shows each result unless quiet; returns them."""
    args = argparse.Namespace(build=build, tasks=tasks, threads=threads or len(os.sched_getaffinity(0)))
    results = []
    with tempfile.TemporaryDirectory() as scratch:
        for size in megapixels:
            for task, engine, width, height, result in measure(args, size, pathlib.Path(scratch)):
                results.append({'task': task, 'engine': engine, 'width': width, 'height': height, 'threads': args.threads,
                                **result})
                if not quiet:
                    show(results[-1])
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('build', type=pathlib.Path)
    parser.add_argument('--megapixels', type=lambda text: [float(n) for n in text.split(',')], default=MEGAPIXELS)
    parser.add_argument('--tasks', type=lambda text: text.split(','), default=list(TASKS))
    parser.add_argument('--threads', type=int)
    parser.add_argument('--json', action='store_true')
    args = parser.parse_args()

    results = run(args.build, args.megapixels, args.tasks, args.threads, args.json)
    if args.json:
        json.dump(results, sys.stdout, indent=1)


if __name__ == '__main__':
    main()
