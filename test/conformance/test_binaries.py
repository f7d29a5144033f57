"""Every row of the table as a file and as an executable that runs with an empty environment."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from conformance.table import ROWS, inputs_of

import cellc
from cellc import nn
from cellc.tools.main import main
from support.cells import assert_close, compiled_only, double, leaves, parameters, tensors


def answers_of_binary(binary: Path, inputs: tuple, count: int) -> list[np.ndarray]:
    """What the executable writes for the inputs, with no environment variable set."""
    folder = binary.parent
    files = []
    for number, array in enumerate(leaves(inputs)):
        files.append(folder / f"input{number}.npy")
        np.save(files[-1], array)
    subprocess.run([binary, *files, "-o", folder / "y.npy"], env={}, check=True)
    names = ["y.npy"] if count == 1 else [f"y.{number}.npy" for number in range(count)]
    return [np.load(folder / name) for name in names]


@compiled_only
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_binary(row, tmp_path):
    """The executable's answer is right, and has the bits of the GraphCell and of the cell itself."""
    cell, inputs = row.make().set_train(row.training), inputs_of(row)
    truth = row.oracle(parameters(cell), *double(inputs))
    file = tmp_path / "net.cellir"
    cellc.export(cell, *tensors(inputs), file_name=file, file_format="MLIR")
    assert main(["compile", str(file), "-o", str(tmp_path / "net")]) == 0

    binary = answers_of_binary(tmp_path / "net", inputs, len(leaves(truth)))
    assert_close(tuple(binary), tuple(leaves(truth)), row.tolerance)
    loaded = leaves(nn.GraphCell(cellc.load(file))(*tensors(tuple(leaves(inputs)))))
    here = leaves(cell(*tensors(inputs)))
    for ours, read, own in zip(binary, loaded, here, strict=True):
        assert ours.tobytes() == read.asnumpy().tobytes() == own.asnumpy().tobytes()
