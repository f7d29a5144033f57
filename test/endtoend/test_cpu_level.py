"""One CPU level gives the same bits in this process and in a binary; a binary has several to choose from."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import cellc
from cellc import nn
from cellc.targets.cpu.level import native_level, portable_levels, runnable_level
from cellc.tools.main import main

RUNNABLE = [level.name for level in portable_levels() if level.vector_bytes <= native_level().vector_bytes]

pytestmark = pytest.mark.skipif(native_level().name not in ("v3", "v4"), reason="no AVX2 here: no level to choose")


class Net(nn.Cell):
    """Sums long enough that levels differ in their last bits."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, pad_mode="same", weight_init="he_normal")
        self.fc = nn.Dense(8 * 64, 10, weight_init="he_normal")
        self.softmax = nn.Softmax()
        self.flatten = nn.Flatten()

    def construct(self, x):
        return self.softmax(self.fc(self.flatten(self.conv(x))))


@pytest.fixture
def restored():
    yield
    cellc.set_context(cpu_level="")


@pytest.fixture(scope="module")
def portable(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, cellc.Tensor]:
    """A folder with `net`, `net.cellir` and `x.npy`, and the input."""
    folder = tmp_path_factory.mktemp("portable")
    x = np.random.default_rng(0).standard_normal((2, 3, 8, 8), np.float32)
    np.save(folder / "x.npy", x)
    cellc.export(Net(), cellc.Tensor(x), file_name=folder / "net.cellir")
    assert main(["compile", str(folder / "net.cellir"), "-o", str(folder / "net")]) == 0
    return folder, cellc.Tensor(x)


def run(folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = ["./net", "x.npy", "-o", "y.npy"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)


def answer(folder: Path, environment: dict[str, str]) -> bytes:
    done = run(folder, environment)
    assert (done.returncode, done.stderr) == (0, "")
    return np.load(folder / "y.npy").tobytes()


@pytest.mark.parametrize("level", RUNNABLE)
def test_each_level_has_the_bits_of_this_process(portable: tuple[Path, cellc.Tensor], level: str, restored) -> None:
    folder, x = portable
    cellc.set_context(cpu_level=level)
    here = nn.GraphCell(cellc.load(folder / "net.cellir"))(x).asnumpy().tobytes()
    assert answer(folder, {"CELLC_CPU_LEVEL": level}) == here


def test_the_widest_level_is_taken(portable: tuple[Path, cellc.Tensor]) -> None:
    folder, x = portable
    here = nn.GraphCell(cellc.load(folder / "net.cellir"))(x).asnumpy().tobytes()
    assert answer(folder, {}) == answer(folder, {"CELLC_CPU_LEVEL": "native"}) == here


@pytest.mark.skipif(len(RUNNABLE) < 2, reason="this machine runs one level only")
def test_levels_are_different_code(portable: tuple[Path, cellc.Tensor]) -> None:
    folder, _ = portable
    first, second = (answer(folder, {"CELLC_CPU_LEVEL": level}) for level in RUNNABLE)
    assert first != second
    assert np.allclose(np.frombuffer(first, np.float32), np.frombuffer(second, np.float32), atol=1e-6)


def test_a_binary_says_which_levels_it_has(portable: tuple[Path, cellc.Tensor]) -> None:
    done = run(portable[0], {"CELLC_CPU_LEVEL": "v2"})
    assert done.returncode == 1
    assert done.stderr == "net: error: CELLC_CPU_LEVEL is v2, net has kernels for v4, v3\n"


def test_a_binary_for_one_level_has_no_other(portable: tuple[Path, cellc.Tensor], tmp_path: Path) -> None:
    assert main(["compile", str(portable[0] / "net.cellir"), "--cpu", "v3", "-o", str(tmp_path / "net")]) == 0
    np.save(tmp_path / "x.npy", portable[1].asnumpy())
    assert answer(tmp_path, {}) == answer(portable[0], {"CELLC_CPU_LEVEL": "v3"})
    assert "net has kernels for v3\n" in run(tmp_path, {"CELLC_CPU_LEVEL": "v4"}).stderr


def test_the_environment_chooses_in_python(portable: tuple[Path, cellc.Tensor]) -> None:
    folder, _ = portable
    code = (
        "import cellc, numpy as np; from cellc import nn;"
        "y = nn.GraphCell(cellc.load('net.cellir'))(cellc.Tensor(np.load('x.npy'))); np.save('here.npy', y.asnumpy())"
    )
    environment = os.environ | {"CELLC_CPU_LEVEL": "v3"}
    subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, check=True)
    assert np.load(folder / "here.npy").tobytes() == answer(folder, {"CELLC_CPU_LEVEL": "v3"})


def test_lenet_with_two_levels_is_small(tmp_path: Path) -> None:
    source = f"{Path(__file__).parents[2] / 'examples' / 'lenet.py'}:LeNet"
    assert main(["compile", source, "--input", "x:1x1x28x28xf32", "-o", str(tmp_path / "lenet")]) == 0
    weights = 4 * (6 * 26 + 16 * (150 + 1) + 120 * 401 + 84 * 121 + 10 * 85)
    assert (tmp_path / "lenet").stat().st_size < 500_000 + weights


def test_levels_that_do_not_run_here_are_refused(restored) -> None:
    with pytest.raises(ValueError, match="unknown CPU level 'v9'"):
        cellc.set_context(cpu_level="v9")
    with pytest.raises(ValueError, match="CPU level neon does not run on this machine"):
        cellc.set_context(cpu_level="neon")
    with pytest.raises(TypeError, match="cpu_level must be a string"):
        cellc.set_context(cpu_level=4)
    assert runnable_level("native") == native_level()
