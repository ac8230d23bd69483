"""Every module and public name loads on a system without the modules that only POSIX has."""

import json
import subprocess
import sys

PROGRAM = """
import importlib, json, pkgutil, sys

POSIX = ("fcntl", "pwd", "grp", "resource", "termios")

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name in POSIX:
            raise ImportError(f"{name} is only on POSIX")

for name in POSIX:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Absent())

import creditscore

for name in creditscore.__all__:
    getattr(creditscore, name)
loaded, lacking = [], {}
for module in pkgutil.walk_packages(creditscore.__path__, "creditscore."):
    try:
        importlib.import_module(module.name)
        loaded.append(module.name)
    except ModuleNotFoundError as error:
        lacking[module.name] = error.name
print(json.dumps([loaded, lacking, [name for name in POSIX if name in sys.modules]]))
"""
#: What the extras bring.
OPTIONAL = {"pyspark", "mlflow", "shap", "adbc_driver_postgresql"}


def test_every_module_and_public_name_loads_without_the_modules_of_posix():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded, lacking, found = json.loads(done.stdout.splitlines()[-1])
    assert {"creditscore.storage", "creditscore.pipeline.run", "creditscore.cli.app", "creditscore.engine"} <= set(loaded)
    assert {name.split(".")[0] for name in lacking.values()} <= OPTIONAL, lacking
    assert found == []
