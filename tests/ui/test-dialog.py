#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The dialog as a user meets it: GIMP under Xvfb, driven by keyboard and mouse. Needs BUILD_FOLDER.

Keeps pictures of what it saw in BUILD_FOLDER/screenshots. GIMP starts once and opens one
dialog after the other; each test works on the next.
"""
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
from PIL import Image

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / 'gimp')]
import tap # noqa: E402
from gimp_console import GimpConsole # noqa: E402

CLEAN = HERE.parents[1] / 'docs' / 'samples' / 'dog.jpg' # 352 x 352
GENERAL = 'plug-in-neural-restore'
DENOISE, FILL = GENERAL + '-denoise', GENERAL + '-fill'

# What open_dialogs.py opens, in the order of the tests.
CASES = [
    (GENERAL, 1, None, False, {}),
    (GENERAL, 1, None, False, {}),
    (GENERAL, 1, (100, 100, 60, 40), False, {}),
    (FILL, 1, (100, 100, 24, 24), True, {}),
    (GENERAL, 1, None, False, {}),
    (GENERAL, 8, None, False, {}),
    (DENOISE, 1, (100, 100, 60, 40), False, {'method': 'deep-image-prior', 'iterations': 100000}),
]


class Failed(Exception):
    """Something did not happen in time."""


def wait_for(what, condition, seconds=60.0):
    """Waits until CONDITION () is true and returns its value."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end or gimp.process.poll() is not None:
            raise Failed(f'no {what} after {seconds:.0f} s; GIMP says:\n{gimp.log.read_text(errors="replace")}')
        time.sleep(0.05)
    return value


def add_noise(picture):
    """With noise of sigma 25, so that a denoised preview differs plainly."""
    clean = np.asarray(picture.convert('RGB'), float)
    noisy = clean + np.random.default_rng(1).normal(0, 25, clean.shape)
    return Image.fromarray(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))


class Screen:
    """An X server of its own with what drives it."""

    def __init__(self):
        self.server = subprocess.Popen(['Xvfb', '-displayfd', '1', '-screen', '0', '1280x960x24', '-nolisten', 'tcp'],
                                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.display = ':' + self.server.stdout.readline().decode().strip()
        self.environment = {**os.environ, 'DISPLAY': self.display}

    def xdotool(self, *words):
        """What xdotool prints; empty when it finds nothing."""
        return subprocess.run(['xdotool', *map(str, words)], env=self.environment, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True, check=False).stdout.strip()

    def picture(self, window):
        png = subprocess.run(['import', '-window', window, 'png:-'], env=self.environment, check=True,
                             stdout=subprocess.PIPE).stdout
        return Image.open(io.BytesIO(png)).convert('RGB')

    def close(self):
        self.server.terminate()
        self.server.wait()


class Gimp:
    """A GIMP with windows that works through CASES."""

    def __init__(self, build, folder, screen):
        self.screen = screen
        self.answers = folder / 'answers'
        self.log = folder / 'gimp.log'
        self.screenshots = pathlib.Path(build) / 'screenshots'
        self.screenshots.mkdir(exist_ok=True)
        console = GimpConsole(build, folder)
        (folder / 'gimprc').write_text('(show-welcome-dialog no)\n(check-updates no)\n', encoding='utf-8')
        sample = folder / 'noisy.png'
        add_noise(Image.open(CLEAN)).save(sample)
        script = folder / 'open.py'
        script.write_text(f'SAMPLE, ANSWERS, CASES = {str(sample)!r}, {str(self.answers)!r}, {CASES!r}\n'
                          + (HERE / 'open_dialogs.py').read_text(encoding='utf-8'), encoding='utf-8')
        self.process = subprocess.Popen(
            ['gimp-3.0', '-n', '-s', '-d', '-f', '--batch-interpreter=python-fu-eval',
             '-b', f'exec(open({str(script)!r}).read())'],
            env={**screen.environment, **console.environment(), 'GDK_BACKEND': 'x11', 'NO_AT_BRIDGE': '1'},
            stdin=subprocess.DEVNULL, stdout=self.log.open('w'), stderr=subprocess.STDOUT)

    def close(self):
        self.process.kill() # on SIGTERM GIMP 3.0 sometimes waits for itself and never ends
        self.process.wait()

    def answer(self, number):
        """What came of the dialog of that number, once it is there."""
        def line():
            lines = self.answers.read_text(encoding='utf-8').splitlines() if self.answers.exists() else []
            return lines[number] if number < len(lines) else None
        return json.loads(wait_for(f'answer {number}', line))


class Dialog:
    """The dialog that is open at present."""

    def __init__(self, gimp):
        self.gimp = gimp
        self.screen = gimp.screen
        self.window = wait_for('dialog', self.find, 90)
        self.screen.xdotool('windowfocus', '--sync', self.window)
        time.sleep(0.5) # until GTK knows

    def find(self):
        found = self.screen.xdotool('search', '--onlyvisible', '--classname', 'neural-restore').split()
        return found[-1] if found else None

    def press(self, *keys):
        for key in keys:
            self.screen.xdotool('key', '--window', self.window, key)

    def picture(self):
        return self.screen.picture(self.window)

    def grain(self, left):
        """How strongly neighbouring pixels differ in a part of the preview right of LEFT, beside the divider."""
        pixels = np.asarray(self.picture().convert('L').crop((left, 120, left + 110, 330)), float)
        return np.abs(np.diff(pixels, axis=1)).mean()

    def wait_for_preview(self, name, is_good):
        """Waits until IS_GOOD (grain before, grain after), and keeps a picture."""
        wait_for(f'{name} preview', lambda: is_good(self.grain(150), self.grain(310)))
        self.keep_picture(f'dialog-{name}')

    def keep_picture(self, name):
        self.picture().save(self.gimp.screenshots / f'{name}.png')

    def wait_until_closed(self, seconds=60.0):
        wait_for('end of the dialog', lambda: self.find() != self.window, seconds)


def test_cancel_leaves_the_image_alone():
    dialog = Dialog(gimp)
    dialog.press('Escape')
    answer = gimp.answer(0)
    assert answer['status'] == 'cancel', answer
    assert answer['layers'] == ['Background'] and not answer['is_dirty'], answer


def test_a_task_is_chosen_previewed_and_applied():
    dialog = Dialog(gimp)
    dialog.wait_for_preview('denoise', lambda before, after: after < 0.6 * before)
    dialog.press('alt+b')
    dialog.wait_for_preview('deblur', lambda before, after: after > 0.8 * before)
    dialog.press('alt+o')
    answer = gimp.answer(1)
    assert answer['status'] == 'success', answer
    assert answer['layers'] == ['Background (deblurred)', 'Background'], answer


def test_fill_needs_a_selection_and_fills_it():
    dialog = Dialog(gimp)
    dialog.press('alt+f')
    time.sleep(1)
    dialog.keep_picture('dialog-fill')
    dialog.press('alt+o')
    answer = gimp.answer(2)
    assert answer['layers'] == ['Background (filled)', 'Background'], answer


def test_the_dialog_of_a_single_task_applies_it():
    dialog = Dialog(gimp)
    dialog.keep_picture('dialog-of-fill')
    dialog.press('alt+o')
    answer = gimp.answer(3)
    assert answer['layers'] == ['Background (filled)', 'Background'], answer


def test_one_undo_takes_the_result_away():
    window = wait_for('image window', lambda: screen.xdotool('search', '--onlyvisible', '--name', '– GIMP$'))
    screen.xdotool('windowfocus', '--sync', window.split()[0])
    time.sleep(0.5) # until GTK knows
    screen.xdotool('key', 'ctrl+z')
    assert gimp.answer(4) == [['Background', True]]


def test_super_resolve_makes_a_new_image():
    dialog = Dialog(gimp)
    dialog.press('alt+u')
    time.sleep(2)
    dialog.keep_picture('dialog-super-resolve')
    dialog.press('alt+o')
    answer = gimp.answer(5)
    assert answer['layers'] == ['Background'] and answer['result_size'] == [704, 704], answer


def test_a_running_job_is_cancelled_and_leaves_the_image_alone():
    dialog = Dialog(gimp)
    dialog.press('alt+n')
    height = dialog.picture().height
    dialog.press('alt+o')
    wait_for('progress bar', lambda: dialog.picture().height > height)
    time.sleep(2) # into the computation, which takes much longer for 8 megapixels
    dialog.keep_picture('dialog-progress')
    started = time.monotonic()
    dialog.press('Escape')
    dialog.wait_until_closed()
    seconds = time.monotonic() - started
    answer = gimp.answer(6)
    assert answer['status'] == 'cancel', answer
    assert answer['layers'] == ['Background'] and not answer['is_dirty'], answer
    assert seconds < 2, f'{seconds:.2f} s to stop' # 0.1 s, and time for X and a busy machine


def test_stop_keeps_what_a_slow_method_has():
    dialog = Dialog(gimp)
    time.sleep(4) # of the preview, which shows the picture as it forms
    dialog.keep_picture('dialog-deep-image-prior')
    height = dialog.picture().height
    dialog.press('alt+o')
    wait_for('progress bar', lambda: dialog.picture().height > height)
    time.sleep(4)
    dialog.keep_picture('dialog-stop')
    dialog.press('alt+s')
    answer = gimp.answer(7)
    assert answer['status'] == 'success', answer
    assert answer['layers'] == ['Background (denoised)', 'Background'], answer


if __name__ == '__main__':
    build = sys.argv.pop(1)
    with tempfile.TemporaryDirectory() as name:
        screen = Screen()
        gimp = Gimp(build, pathlib.Path(name), screen)
        try:
            tap.run(globals())
        finally:
            gimp.close()
            screen.close()
