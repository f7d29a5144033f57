"""Every public layer and operation says what it does, and its example is right."""

import doctest
import inspect

import pytest

import cellc
from cellc import Tensor, nn, ops

LAYERS = {name: value for name, value in vars(nn).items() if inspect.isclass(value) and issubclass(value, nn.Cell)}
OPERATIONS = {name: value for name, value in vars(ops).items() if callable(value) and not name.startswith("_")}


@pytest.mark.parametrize("name", LAYERS)
def test_layer(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert LAYERS[name].__doc__
    assert LAYERS[name].__module__.startswith("cellc.nn._")
    finder = doctest.DocTestFinder(recurse=False)
    runner = doctest.DocTestRunner(verbose=False)
    names = {"cellc": cellc, "nn": nn, "ops": ops, "Tensor": Tensor, "net": nn.Dense(3, 2), "x": ops.ones((2, 3))}
    for example in finder.find(LAYERS[name], name, globs=names):
        runner.run(example)
    assert runner.failures == 0


@pytest.mark.parametrize("name", OPERATIONS)
def test_operation(name):
    assert inspect.getdoc(OPERATIONS[name])
