"""Every public layer and operation says what it does, and its example is right."""

import doctest
import inspect

import numpy as np
import pytest

import cellc
from cellc import Tensor, nn, ops

PUBLIC = {
    name: value
    for name, value in ((name, getattr(nn, name)) for name in dir(nn))
    if (inspect.isclass(value) or inspect.isfunction(value))
    and value.__module__.startswith("cellc.")
    and not name.startswith("_")
}
OPERATIONS = {name: value for name, value in vars(ops).items() if callable(value) and not name.startswith("_")}


@pytest.mark.parametrize("name", PUBLIC)
def test_name(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert PUBLIC[name].__doc__
    assert PUBLIC[name].__module__.startswith("cellc.nn.")
    finder = doctest.DocTestFinder(recurse=False)
    runner = doctest.DocTestRunner(verbose=False)
    names = {
        "cellc": cellc,
        "np": np,
        "nn": nn,
        "ops": ops,
        "Tensor": Tensor,
        "net": nn.Dense(3, 2),
        "x": ops.ones((2, 3)),
        "dataset": cellc.dataset,
    }
    for example in finder.find(PUBLIC[name], name, globs=names):
        runner.run(example)
    assert runner.failures == 0


@pytest.mark.parametrize("name", OPERATIONS)
def test_operation(name):
    assert inspect.getdoc(OPERATIONS[name])
