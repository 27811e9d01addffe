#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The procedures as a Script-Fu user meets them, through gimp-console. Needs BUILD_FOLDER as argument."""
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import tap # noqa: E402
from gimp_console import GimpConsole, GimpError # noqa: E402

build = sys.argv.pop(1)
folder = tempfile.TemporaryDirectory()
gimp = GimpConsole(build, folder.name)
answer = pathlib.Path(folder.name) / 'answer'

# An image with one layer of noise; BODY sees image, layer and (answer THING), which writes to a file.
SCRIPT = '''
(define port (open-output-file "{answer}"))
(define (answer thing) (write thing port) (newline port))
(let* ((image (car (gimp-image-new {width} {height} RGB)))
       (layer (car (gimp-layer-new image "source" {width} {height} RGB-IMAGE 100 LAYER-MODE-NORMAL))))
  (gimp-image-insert-layer image layer 0 0)
  (gimp-drawable-fill layer FILL-WHITE)
  (gimp-drawable-merge-new-filter layer "gegl:noise-rgb" "noise" LAYER-MODE-REPLACE 1.0
                                  "red" 0.3 "green" 0.3 "blue" 0.3)
  {body})
(close-output-port port)
'''


def run(body, width=64, height=48, **environment):
    """Runs BODY in GIMP; the things it answered, as Scheme writes them."""
    answer.unlink(missing_ok=True)
    gimp.run(SCRIPT.format(answer=answer, width=width, height=height, body=body), **environment)
    return answer.read_text(encoding='utf-8').split('\n')[:-1]


def call(task, arguments=''):
    return (f'(plug-in-neural-restore-{task} #:run-mode RUN-NONINTERACTIVE #:image image'
            f' #:drawables (vector layer) {arguments})')


COUNT = '(vector-length (car (gimp-image-get-layers image)))'


def refused(body, **environment):
    """The message GIMP gives for a BODY that must fail."""
    try:
        run(body, **environment)
    except GimpError as error:
        return str(error)
    raise AssertionError('the call succeeded')


def test_denoise_in_a_feathered_ellipse_returns_layer_layers_image_and_report():
    answers = run(f'''
      (gimp-image-select-ellipse image CHANNEL-OP-REPLACE 10 10 30 20)
      (gimp-selection-feather image 5)
      (let ((values {call('denoise', '#:noise 25 #:strength 0.8')}))
        (answer (length values))
        (answer (= (car values) (vector-ref (cadr values) 0)))
        (answer (= (caddr values) image))
        (answer (car (gimp-item-get-name (car values))))
        (answer {COUNT}))''')
    assert answers == ['4', '#t', '#t', '"source (denoised)"', '2'], answers


def test_a_wrong_argument_name_fails():
    assert 'nois' in refused(call('denoise', '#:nois 25'))


def test_a_value_out_of_range_fails():
    assert 'range' in refused(call('denoise', '#:strength 2'))


def test_without_a_selection_the_whole_layer_is_restored():
    answers = run(f'''
      (let ((layer (car {call('denoise', '#:noise 25')})))
        (answer (list (car (gimp-drawable-get-width layer)) (car (gimp-drawable-get-height layer))))
        (answer (car (gimp-layer-get-mask layer))))''')
    assert answers == ['(64 48)', '-1'], answers


def test_the_dialog_without_a_display_is_refused():
    body = call('denoise').replace('NONINTERACTIVE', 'INTERACTIVE')
    assert 'display' in refused(body, DISPLAY='', WAYLAND_DISPLAY='')


def test_texts_are_translated():
    # Only with a real locale does LANGUAGE count, and systems made for building have none.
    locales = pathlib.Path(folder.name) / 'locales'
    locales.mkdir()
    try:
        subprocess.run(['localedef', '-i', 'de_DE', '-f', 'UTF-8', locales / 'de_DE.UTF-8'], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        raise tap.Skip('the package locales is not installed') from None
    answers = run(f"(answer (car (gimp-item-get-name (car {call('denoise', '#:noise 25')}))))",
                  LOCPATH=str(locales), LC_ALL='de_DE.UTF-8', LANGUAGE='de')
    assert answers == ['"source (entrauscht)"'], answers


def plugin_process():
    """Process id of the running plug-in of this test's own profile, or None."""
    for entry in pathlib.Path('/proc').iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / 'cmdline').read_bytes().split(b'\0')
            except OSError: # ended meanwhile
                continue
            if words[0].startswith(os.fsencode(folder.name)) and b'-run' in words:
                return int(entry.name)
    return None


def test_a_cancelled_run_says_so_and_leaves_the_image_alone():
    answers = []
    body = f'(let ((values {call("denoise", "#:noise 25")})) (answer values) (answer {COUNT}))'
    thread = threading.Thread(target=lambda: answers.extend(run(body, 4000, 3000)))
    thread.start()
    while thread.is_alive() and not (process := plugin_process()):
        time.sleep(0.05)
    time.sleep(2) # into the computation, which takes much longer for 12 megapixels
    os.kill(process, signal.SIGTERM)
    started = time.monotonic()
    while plugin_process():
        time.sleep(0.01)
    seconds = time.monotonic() - started
    thread.join()
    assert answers == ['(#f)', '1'], answers
    assert seconds < 10, f'{seconds:.1f} s to stop' # the rest would take minutes; on a busy machine ending takes seconds


if __name__ == '__main__':
    tap.run(globals())
