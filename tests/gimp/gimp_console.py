# SPDX-License-Identifier: GPL-3.0-or-later
"""A headless GIMP 3 with the freshly built plug-in and a profile of its own."""
import os
import pathlib
import shutil
import subprocess


class GimpError(Exception):
    """GIMP ended badly, or did nothing."""


class GimpConsole:
    """Runs Script-Fu in gimp-console. FOLDER becomes its profile and is kept between runs."""

    def __init__(self, build, folder):
        self.build = pathlib.Path(build).resolve()
        self.folder = pathlib.Path(folder).resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.install_plugin()

    def install_plugin(self):
        """Copies the plug-in as an installation would: executable, weights, translations."""
        stage = self.folder / 'stage'
        shutil.rmtree(stage, ignore_errors=True)
        subprocess.run(['meson', 'install', '-C', self.build, '--no-rebuild', '--quiet'], check=True,
                       stdout=subprocess.DEVNULL, env={**os.environ, 'DESTDIR': str(stage)})
        staged = next(stage.glob('**/plug-ins/neural-restore'), None)
        if staged is None:
            raise GimpError(f'{self.build} holds no GIMP plug-in')
        target = self.folder / 'plug-ins' / 'neural-restore'
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(exist_ok=True)
        shutil.move(staged, target)
        shutil.rmtree(stage)

    def run(self, script, timeout=600, **environment):
        """Runs a Script-Fu text and returns all that GIMP printed, harmless warnings included.

        GimpError with the script's error message unless the status is 0. GIMP ends with 0 also when
        a procedure was cancelled: look at what the script returned or wrote, too. ENVIRONMENT holds
        further variables.
        """
        path = self.folder / 'script.scm'
        path.write_text(script, encoding='utf-8')
        return self.run_batch('plug-in-script-fu-eval', f'(load "{path}")', timeout, environment)

    def run_python(self, script, timeout=1500):
        """The same for a Python text with GIMP's bindings; an exception in it is a GimpError."""
        path = self.folder / 'script.py'
        path.write_text(script, encoding='utf-8')
        return self.run_batch('python-fu-eval', f'exec(open({str(path)!r}).read())', timeout, {})

    def environment(self):
        """The variables that keep GIMP to this profile: no model packages or settings of the user."""
        return {
            'GIMP3_DIRECTORY': str(self.folder),
            'XDG_CACHE_HOME': str(self.folder / 'cache'),
            'XDG_CONFIG_HOME': str(self.folder / 'config'),
            'XDG_DATA_HOME': str(self.folder / 'data'),
        }

    def run_batch(self, interpreter, command, timeout, environment):
        environment = {**os.environ, **environment, **self.environment()}
        result = subprocess.run(
            ['gimp-console-3.0', '-i', '-d', '-f', f'--batch-interpreter={interpreter}', '-b', command, '--quit'],
            env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=timeout, text=True, errors='replace')
        (self.folder / 'gimp.log').write_text(result.stdout, encoding='utf-8')
        if result.returncode != 0:
            errors = [line for line in result.stdout.splitlines() if line.startswith('Error:')]
            raise GimpError('\n'.join(errors) or f'GIMP ended with status {result.returncode}: {result.stdout}')
        return result.stdout
