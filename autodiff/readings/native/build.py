"""C programs built by the system's compiler, kept in a cache folder, and called from Python."""

import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

FLAGS = (
    *("-std=c99", "-O3", "-march=native", "-fopenmp-simd", "-fno-math-errno"),
    *("-fno-trapping-math", "-ffp-contract=off", "-shared", "-fPIC"),
)
"""Nothing among them changes what NaN, infinities and signed zeros mean."""
LONGEST = 60
"""Seconds that a compiler may take."""

ENTRY = """
/* Called with NumPy's arrays, whose data pointer follows the header of every object. */
#define DATA(array) (*(double **) ((char *) (array) + {header}))

double run({parameters}) {{
    return {name}({arguments});
}}
"""


class NotBuilt(Exception):  # noqa: N818
    """Why there is no program: a sentence."""


class NoCompiler(NotBuilt):
    """There is no C compiler."""


@cache
def compiler() -> tuple[str, ...]:
    """Return the command of the C compiler, CC or else cc, gcc or clang; or an empty one."""
    if command := shlex.split(os.environ.get("CC", "")):
        return tuple(command) if shutil.which(command[0]) else ()
    found = next(filter(shutil.which, ("cc", "gcc", "clang")), None)
    return (found,) if found else ()


def described() -> str:
    """Return the compiler and its flags."""
    return shlex.join([*compiler(), *FLAGS])


@cache
def processor() -> str:
    """Return what a program built for this processor is for."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    known = [x for x in lines if x.startswith(("model name", "flags", "Features"))]
    return "\n".join([platform.machine(), platform.processor(), *sorted({*known})])


def folder() -> Path:
    """Return the cache folder: in XDG_CACHE_HOME, by default ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base, "backprop-by-hand")


def built(text: str, name: str, arrays: int, numbers: int) -> Callable[..., float]:
    """Return the function of a C program, which takes so many arrays and then so many numbers.

    The arrays are contiguous and of float64. The interpreter's lock is released while it runs.

    Raises NotBuilt.
    """
    if not compiler():
        raise NoCompiler("there is no C compiler: none in CC, and no cc, gcc or clang")
    if not has_data_behind_header():
        raise NotBuilt("this Python keeps arrays in a way that is not known here")
    text += ENTRY.format(
        header=object.__basicsize__,
        name=name,
        parameters=", ".join(
            [*[f"void *a{i}" for i in range(arrays)], *[f"double x{i}" for i in range(numbers)]]
        ),
        arguments=", ".join(
            [*[f"DATA(a{i})" for i in range(arrays)], *[f"x{i}" for i in range(numbers)]]
        ),
    )
    key = "\n".join([text, described(), processor()])
    path = folder() / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.so"
    try:
        library = ctypes.CDLL(str(path)) if path.exists() else None
    except OSError:  # half a file, or of another system
        library = None
    function = (library or ctypes.CDLL(str(compiled(text, path)))).run
    function.argtypes = [ctypes.py_object] * arrays + [ctypes.c_double] * numbers
    function.restype = ctypes.c_double
    return function


def compiled(text: str, path: Path) -> Path:
    """Compile a text to a shared library; another process may do the same."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=path.parent) as name:
            source, target = Path(name, "program.c"), Path(name, "program.so")
            source.write_text(text, encoding="utf-8")
            command = [*compiler(), *FLAGS, str(source), "-o", str(target), "-lm"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST)
            if done.returncode:
                raise NotBuilt(f"{compiler()[0]} fails: {first_line(done.stderr)}")
            target.replace(path)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotBuilt(f"nothing can be built in {path.parent}: {error}") from None
    return path


def first_line(text: str) -> str:
    lines = [line for line in text.splitlines() if "error" in line] or text.splitlines()
    return lines[0] if lines else "it says nothing"


@cache
def has_data_behind_header() -> bool:
    """Tell whether the pointer to an array's data is where NumPy's C interface has it."""
    x: Any = np.empty(1)
    found = ctypes.c_void_p.from_address(id(x) + object.__basicsize__).value
    return bool(found == x.ctypes.data)
