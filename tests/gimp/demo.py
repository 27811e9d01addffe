#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores sample pictures with all four tasks through GIMP, and shows what came of it.

Damages each sample in a known way (fixed seeds), lets GIMP repair it by Script-Fu with the built
plug-in, prints a table, and leaves one sheet of before, after and original.
"""
import argparse
import json
import pathlib
import sys
import time

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gimp_console import GimpConsole, GimpError

SAMPLES = pathlib.Path(__file__).resolve().parents[2] / 'docs' / 'samples'
NOISE_SIGMA = 25
BLUR_SIGMA = 2.0
SCALE = 2


def to_picture(pixels):
    return Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))


def add_noise(clean):
    noise = np.random.default_rng(1).standard_normal((clean.height, clean.width, 3))
    return to_picture(np.asarray(clean, dtype=float) + NOISE_SIGMA * noise)


def blur(clean):
    radius = int(np.ceil(4 * BLUR_SIGMA))
    kernel = np.exp(-np.arange(-radius, radius + 1) ** 2 / (2 * BLUR_SIGMA ** 2))
    kernel /= kernel.sum()
    pixels = np.asarray(clean, dtype=float)
    for axis in (0, 1):
        widths = [(radius, radius) if side == axis else (0, 0) for side in range(3)]
        padded = np.pad(pixels, widths, mode='reflect')
        pixels = np.apply_along_axis(np.convolve, axis, padded, kernel, mode='valid')
    return to_picture(pixels)


def shrink(clean):
    return clean.resize((clean.width // SCALE, clean.height // SCALE), Image.Resampling.BICUBIC)


def hole_mask(size):
    """White scratches of several widths and one blot on black."""
    rng = np.random.default_rng(4)
    mask = Image.new('L', size)
    draw = ImageDraw.Draw(mask)
    for width in (2, 3, 3, 4, 6):
        points = np.cumsum(rng.normal((size[0] / 12, 0), size[1] / 25, (14, 2)), axis=0)
        points[:, 1] += rng.uniform(0.1, 0.9) * size[1]
        draw.line([tuple(point) for point in points], fill=255, width=width, joint='curve')
    x, y = int(0.62 * size[0]), int(0.2 * size[1])
    draw.ellipse([x, y, x + 48, y + 36], fill=255)
    return mask


def scratch(clean):
    return Image.composite(Image.new('RGB', clean.size, 'white'), clean, hole_mask(clean.size))


class Task:
    """One task of the demo: its sample, how it is damaged, how Script-Fu is called."""

    def __init__(self, name, sample, damage, what, arguments=''):
        self.name = name
        self.what = what
        self.arguments = arguments
        self.clean = Image.open(SAMPLES / sample).convert('RGB')
        self.input = damage(self.clean)
        self.output = None
        self.seconds = self.seconds_inside = None # with GIMP's start, and for the task alone

    def restore(self, gimp, folder):
        """Runs the task in GIMP and takes in its result; GimpError when that fails."""
        paths = {kind: folder / f'{self.name}-{kind}' for kind in ('input.png', 'mask.png', 'output.png', 'report.json')}
        for kind in ('output.png', 'report.json'):
            paths[kind].unlink(missing_ok=True)
        self.input.save(paths['input.png'])
        if self.name == 'fill': # GIMP makes a selection of a layer's alpha
            mask = hole_mask(self.input.size)
            Image.merge('LA', (mask, mask)).convert('RGBA').save(paths['mask.png'])
        started = time.monotonic()
        said = gimp.run(self.script(paths))
        self.seconds = time.monotonic() - started
        if not paths['output.png'].exists():
            raise GimpError(f'GIMP wrote no picture; it said: {said}')
        self.output = Image.open(paths['output.png']).convert('RGB')
        if self.output.size != self.clean.size:
            raise GimpError(f'the result has {self.output.width} x {self.output.height} pixels')
        report = json.loads(paths['report.json'].read_text(encoding='utf-8'))
        self.seconds_inside = report['milliseconds'] / 1000

    def script(self, paths):
        select = SELECT_BY_MASK.format(mask=paths['mask.png']) if self.name == 'fill' else ''
        return SCRIPT.format(name=self.name, arguments=self.arguments, select=select, input=paths['input.png'],
                             output=paths['output.png'], report=paths['report.json'])

    def before(self):
        """The input at the size of the result: super-resolve is compared with bicubic scaling."""
        return self.input.resize(self.clean.size, Image.Resampling.BICUBIC)


SCRIPT = '''
(let* ((image  (car (gimp-file-load RUN-NONINTERACTIVE "{input}")))
       (layer  (vector-ref (car (gimp-image-get-layers image)) 0)))
  {select}
  (let* ((values (plug-in-neural-restore-{name} #:run-mode RUN-NONINTERACTIVE
                                                #:image image #:drawables (vector layer) {arguments}))
         (result (caddr values))
         (port   (open-output-file "{report}")))
    (display (cadddr values) port)
    (close-output-port port)
    (gimp-image-flatten result)
    (gimp-file-save RUN-NONINTERACTIVE result "{output}" -1)))
'''

SELECT_BY_MASK = '''
  (let ((mask (car (gimp-file-load-layer RUN-NONINTERACTIVE image "{mask}"))))
    (gimp-image-insert-layer image mask 0 0)
    (gimp-image-select-item image CHANNEL-OP-REPLACE mask)
    (gimp-image-remove-layer image mask))
'''


def psnr(reference, picture):
    difference = np.asarray(reference, dtype=float) - np.asarray(picture, dtype=float)
    return min(99.0, 10 * np.log10(255 ** 2 / max(np.mean(difference ** 2), 1e-9)))


def make_sheet(tasks, path):
    """One row a task: before, after, original; details of 320 pixels at 100 %."""
    detail, margin, heading = 320, 12, 34
    font = ImageFont.load_default(16)
    height = len(tasks) * (detail + heading + margin) + margin
    sheet = Image.new('RGB', (3 * (detail + margin) + margin, height), '#202020')
    draw = ImageDraw.Draw(sheet)
    for row, task in enumerate(tasks):
        top = margin + row * (detail + heading + margin)
        left, upper = ((side - detail) // 2 for side in task.clean.size)
        columns = [(task.before(), f'{task.name}: {task.what}'), (task.output, 'restored in GIMP'), (task.clean, 'original')]
        for column, (picture, label) in enumerate(columns):
            x = margin + column * (detail + margin)
            if column < 2:
                label += f'   {psnr(task.clean, picture):.1f} dB'
            draw.text((x, top + 8), label, font=font, fill='white')
            sheet.paste(picture.crop((left, upper, left + detail, upper + detail)), (x, top + heading))
    sheet.save(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--build', required=True, type=pathlib.Path, help='build folder')
    parser.add_argument('--output', required=True, type=pathlib.Path, help='folder for pictures and sheet')
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)

    tasks = [
        Task('denoise', 'dog.jpg', add_noise, f'noise, sigma {NOISE_SIGMA}'),
        Task('deblur', 'moon.jpg', blur, f'blurred, sigma {BLUR_SIGMA:g}'),
        Task('super-resolve', 'path.jpg', shrink, f'bicubic, {SCALE}x', f'#:scale {SCALE} #:output "new-image"'),
        Task('fill', 'sunset.jpg', scratch, 'scratched'),
    ]
    gimp = GimpConsole(options.build, options.output / 'gimp-profile')
    print(f'{"task":14} {"picture":>10} {"PSNR before":>12} {"after":>9} {"seconds":>8} {"with GIMP":>10}')
    failed = 0
    for task in tasks:
        try:
            task.restore(gimp, options.output)
        except GimpError as error:
            failed += 1
            print(f'{task.name:14} failed: {error}')
            continue
        print(f'{task.name:14} {task.clean.width:>5}x{task.clean.height:<4} {psnr(task.clean, task.before()):9.2f} dB'
              f' {psnr(task.clean, task.output):6.2f} dB {task.seconds_inside:8.1f} {task.seconds:10.1f}', flush=True)

    done = [task for task in tasks if task.seconds_inside is not None]
    if done:
        make_sheet(done, options.output / 'before-after.png')
        print(f'\n{len(done)} of {len(tasks)} tasks done. Before and after: {options.output / "before-after.png"}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
