"""`.cellir` files: golden ones load for ever; a damaged or hostile one gives one error that names file and field."""

from __future__ import annotations

import json
import random
import re
import signal
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from endtoend.helpers import NETWORKS, cell_of, leaves, python, tensors

import cellc
from cellc import nn
from cellc.archive import MANIFEST, MODULE, WEIGHTS, ArchiveError, weights_to_bytes

GOLDEN = Path(__file__).parents[1] / "golden"
Members = dict[str, bytes]


@pytest.fixture(autouse=True)
def _no_hang() -> Iterator[None]:
    """A file that keeps the reader busy is a failure as well."""

    def stop(*_: Any) -> None:
        raise AssertionError("the reader takes more than a minute")

    previous = signal.signal(signal.SIGVTALRM, stop)
    # CPU time, not the wall clock: a busy machine is not a hang.
    signal.setitimer(signal.ITIMER_VIRTUAL, 60)
    yield
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    signal.signal(signal.SIGVTALRM, previous)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("archive") / "net.cellir"
    cellc.export(cell_of("several"), *tensors(NETWORKS["several"].inputs), file_name=file)
    return file


@pytest.fixture
def members(exported: Path) -> Members:
    with zipfile.ZipFile(exported) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path: Path, members: Members, compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def refused(path: Path) -> str:
    """The message with which a file is refused: it begins with the file's name, and one line says it all."""
    with pytest.raises(ArchiveError) as caught:
        nn.GraphCell(cellc.load(path))
    message = str(caught.value)
    assert message.startswith(str(path)), message
    return message.removeprefix(str(path))


def read_or_refuse(path: Path, member: str = "") -> nn.GraphCell | None:
    """The network of a file that may be damaged; None if it was refused, by file and member."""
    try:
        return nn.GraphCell(cellc.load(path))
    except ArchiveError as error:
        message = str(error)
    assert message.startswith(f"{path}: {member}"), message
    return None


def with_manifest(members: Members, change: Callable[[dict[str, Any]], Any]) -> Members:
    manifest = json.loads(members[MANIFEST])
    change(manifest)
    return {**members, MANIFEST: json.dumps(manifest).encode()}


# Files of every version


@pytest.mark.parametrize("file", sorted(GOLDEN.glob("*.cellir")), ids=lambda file: file.stem)
def test_a_golden_file_answers_as_ever(file: Path):
    x = cellc.Tensor(np.load(file.with_name(f"{file.stem}_input.npy")))
    expected = np.load(file.with_name(f"{file.stem}_expected.npy"))
    found = nn.GraphCell(cellc.load(file))(x).asnumpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_there_is_a_golden_file_for_each_version():
    versions = [json.loads(zipfile.ZipFile(file).read(MANIFEST))["format"] for file in GOLDEN.glob("*.cellir")]
    assert sorted(versions) == list(range(1, cellc.archive.FORMAT_VERSION + 1))


def test_todays_files_are_still_of_the_golden_form(exported: Path):
    """A new field, member or spelling needs a new version and a new golden file."""
    golden = zipfile.ZipFile(GOLDEN / f"v{cellc.archive.FORMAT_VERSION}.cellir")
    today = zipfile.ZipFile(exported)
    assert today.namelist() == golden.namelist() == [MANIFEST, MODULE, WEIGHTS]
    one, other = (json.loads(archive.read(MANIFEST)) for archive in (today, golden))
    assert list(one) == list(other)
    for field in ("inputs", "outputs", "weights"):
        assert list(one[field][0]) == list(other[field][0])


def test_the_same_network_gives_the_same_bytes(exported: Path, tmp_path: Path):
    cellc.export(cell_of("several"), *tensors(NETWORKS["several"].inputs), file_name=tmp_path / "again")
    assert (tmp_path / "again.cellir").read_bytes() == exported.read_bytes()


def test_what_was_not_trainable_is_not_trainable_after_loading(tmp_path: Path):
    cell = cell_of("batch_norm")
    cellc.export(cell, *tensors(NETWORKS["batch_norm"].inputs), file_name=tmp_path / "net.cellir")
    loaded = nn.GraphCell(cellc.load(tmp_path / "net.cellir"))
    for name in ("trainable_params", "untrainable_params"):
        expected = {parameter.name for parameter in getattr(cell, name)()}
        assert {parameter.name for parameter in getattr(loaded, name)()} == expected


def test_names_in_any_script(tmp_path: Path):
    net, x = nn.SequentialCell([nn.Dense(3, 2)]), cellc.Tensor([[1.0, 2.0, 3.0]])
    net[0].weight.name = "größe/重み \\"
    cellc.export(net, x, file_name=tmp_path / "net.cellir")
    loaded = cellc.load(tmp_path / "net.cellir")
    assert "größe/重み \\" in loaded.weights
    np.testing.assert_array_equal(nn.GraphCell(loaded)(x).asnumpy(), net(x).asnumpy())


def test_params_init_replaces_weights(tmp_path: Path):
    cell, x = cell_of("mlp"), tensors(NETWORKS["mlp"].inputs)[0]
    cellc.export(cell, x, file_name=tmp_path / "net.cellir")
    graph = cellc.load(tmp_path / "net.cellir")
    bias = np.arange(7, dtype=np.float32)
    moved = nn.GraphCell(graph, params_init={"last.bias": cellc.Tensor(bias)})(x).asnumpy()
    np.testing.assert_allclose(moved, cell(x).asnumpy() - cell.last.bias.asnumpy() + bias, rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match=r"'nothing', which the graph does not have"):
        nn.GraphCell(graph, params_init={"nothing": cellc.Tensor(bias)})
    with pytest.raises(ValueError, match=r"weight 'last.bias' is float32\[2\], the network has f32\[7\]"):
        nn.GraphCell(graph, params_init={"last.bias": cellc.Tensor(bias[:2])})
    with pytest.raises(ValueError, match=r"weight 'last.bias' is float64\[7\]"):
        nn.GraphCell(graph, params_init={"last.bias": cellc.Tensor(bias.astype(np.float64))})


# Reading executes nothing


def test_loading_executes_and_unpickles_nothing(exported: Path):
    """Python's own audit events say so: no exec, no pickle, no process, no connection, no file but this one."""
    code = """
import sys
import cellc
from cellc import nn
cellc.load(sys.argv[1])
seen = []
sys.addaudithook(lambda event, arguments: seen.append((event, str(arguments))))
loaded = cellc.load(sys.argv[1])
events = {event for event, _ in seen}
opened = {arguments for event, arguments in seen if event == "open"}
assert not {event for event in events if event.split(".")[0] in
            ("exec", "compile", "pickle", "subprocess", "os", "socket", "ctypes", "import", "marshal")}, events
assert all(sys.argv[1] in arguments for arguments in opened), opened
"""
    done = python(code, exported)
    assert done.returncode == 0, done.stderr


def test_no_module_of_ours_that_reads_imports_pickle():
    frontend = Path(cellc.__file__).parent
    for file in (frontend / "archive.py", frontend / "cellir.py", frontend / "read_ir.py"):
        assert not re.search(r"\b(pickle|marshal|shelve|eval|exec|allow_pickle)\b", file.read_text()), file


# Damage


def test_truncation_anywhere(exported: Path, tmp_path: Path):
    data, path = exported.read_bytes(), tmp_path / "cut.cellir"
    for length in {*range(64), *range(64, len(data), 37), len(data) - 1}:
        path.write_bytes(data[:length])
        refused(path)


def test_a_flipped_byte_anywhere(exported: Path, tmp_path: Path):
    """A byte that the zip format does not look at may change; then the file still answers as before."""
    data, path = exported.read_bytes(), tmp_path / "flipped.cellir"
    expected = leaves(nn.GraphCell(cellc.load(exported))(*tensors(NETWORKS["several"].inputs)))
    harmless = 0
    for position in random.Random(1).sample(range(len(data)), 300):
        damaged = bytearray(data)
        damaged[position] ^= 1 << (position % 8)
        path.write_bytes(damaged)
        loaded = read_or_refuse(path)
        if loaded is None:
            continue
        harmless += 1
        for one, other in zip(leaves(loaded(*tensors(NETWORKS["several"].inputs))), expected, strict=True):
            assert one.tobytes() == other.tobytes()
    assert harmless < 60


@pytest.mark.parametrize("member", [MANIFEST, MODULE, WEIGHTS])
def test_a_missing_member_is_named(members: Members, member: str, tmp_path: Path):
    del members[member]
    assert refused(write(tmp_path / "x.cellir", members)) == f": {member} is missing"


@pytest.mark.parametrize("member", [MANIFEST, MODULE, WEIGHTS])
@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"[" * 100_000, b'"' + b"a" * 100_000, b"{}", b"null"])
def test_a_member_with_other_content_is_named(members: Members, member: str, content: bytes, tmp_path: Path):
    assert member in refused(write(tmp_path / "x.cellir", {**members, member: content}))


def test_a_compressed_file_is_refused(members: Members, tmp_path: Path):
    """So nobody can hide gigabytes in a small file."""
    assert "compressed" in refused(write(tmp_path / "x.cellir", members, zipfile.ZIP_DEFLATED))


def test_files_that_are_not_archives(tmp_path: Path):
    (tmp_path / "text.cellir").write_text("hello")
    assert "not a .cellir file" in refused(tmp_path / "text.cellir")
    with pytest.raises(FileNotFoundError, match=r"nothing\.cellir: no such file"):
        cellc.load(tmp_path / "nothing.cellir")
    with pytest.raises(IsADirectoryError, match=re.escape(str(tmp_path))):
        cellc.load(tmp_path)
    with pytest.raises(TypeError, match="file name, got int"):
        cellc.load(3)


# The manifest


@pytest.mark.parametrize("field", ["format", "opset"])
@pytest.mark.parametrize("value", [3, 10**30, 0, -1, "1", 1.0, True, None, [1]])
def test_versions(members: Members, field: str, value: Any, tmp_path: Path):
    message = refused(write(tmp_path / "x.cellir", with_manifest(members, lambda m: m.update({field: value}))))
    assert f"field '{field}'" in message
    if isinstance(value, int) and value > 2:
        assert "update cellc" in message


WRONG_FIELDS: list[tuple[str, Callable[[dict[str, Any]], Any]]] = [
    *[(f"field '{field}'", lambda m, field=field: m.pop(field)) for field in ("inputs", "outputs", "weights")],
    *[(f"field '{field}'", lambda m, field=field: m.update({field: {}})) for field in ("inputs", "outputs", "weights")],
    ("field 'inputs[1]' must be an object", lambda m: m["inputs"].__setitem__(1, "x")),
    ("field 'inputs[0]'.shape", lambda m: m["inputs"][0].update(shape="3x6")),
    ("field 'inputs[0]'.shape", lambda m: m["inputs"][0].update(shape=[3, -6])),
    ("field 'inputs[0]'.shape", lambda m: m["inputs"][0].update(shape=[3.0, 6])),
    ("field 'inputs[0]'.shape", lambda m: m["inputs"][0].update(shape=[10**9, 10**9])),
    ("field 'weights[0]'.dtype", lambda m: m["weights"][0].update(dtype="complex")),
    ("field 'weights[0]'.dtype", lambda m: m["weights"][0].update(dtype=None)),
    ("field 'weights[0]'.name", lambda m: m["weights"][0].pop("name")),
    ("field 'weights[0]'.trainable", lambda m: m["weights"][0].update(trainable="yes")),
    ("field 'inputs[1]'.name", lambda m: m["inputs"][1].update(name="x")),
    ("the inputs that field 'inputs'", lambda m: m["inputs"][0].update(shape=[6, 3])),
    ("the inputs that field 'inputs'", lambda m: m["inputs"].reverse()),
    ("the inputs that field 'inputs'", lambda m: m["inputs"][0].update(dtype="f64")),
    ("the outputs that field 'outputs'", lambda m: m["outputs"].pop()),
    ("the outputs that field 'outputs'", lambda m: m["outputs"][0].update(dtype="f32")),
    ("tensor 'table.embedding_table' is float32[9, 6]", lambda m: m["weights"][0].update(shape=[6, 9])),
    ("tensor 'table.embedding_table' is float32[9, 6]", lambda m: m["weights"][0].update(dtype="f64")),
    ("tensor 'other' is missing", lambda m: m["weights"][0].update(name="other")),
    ("is not named", lambda m: m["weights"].pop()),
    ("field 'structure'", lambda m: m.pop("structure")),
    ("field 'structure'", lambda m: m.update(structure={"tensor": None})),
    ("field 'structure'", lambda m: m.update(structure={"dict": [[["a"], {"tensor": None}]]})),
    ("field 'structure'", lambda m: m.update(structure={"call": "os.system"})),
    ("field 'structure'", lambda m: m["structure"]["dict"].pop()),
]


@pytest.mark.parametrize(("said", "change"), WRONG_FIELDS)
def test_a_wrong_field_is_named(members: Members, said: str, change: Callable[[dict[str, Any]], Any], tmp_path: Path):
    assert said in refused(write(tmp_path / "x.cellir", with_manifest(members, change)))


def test_fields_of_the_future_are_ignored(members: Members, tmp_path: Path):
    """Within one version, fields may be added that old readers need not know."""
    path = write(tmp_path / "x.cellir", with_manifest(members, lambda m: m.update(comment={"by": "somebody"})))
    assert len(cellc.load(path).weights) == 1


def test_a_deep_structure_is_refused(members: Members, tmp_path: Path):
    deep = '{"tuple": [' * 900 + '{"tensor": null}' + "]}" * 900
    manifest = json.loads(members[MANIFEST])
    manifest["structure"] = "DEEP"
    members[MANIFEST] = json.dumps(manifest).replace('"DEEP"', deep).encode()
    assert MANIFEST in refused(write(tmp_path / "x.cellir", members))


# The module


def module_with(members: Members, body: str, arguments: str = "%0: tensor<4xf32>", result: str = "tensor<4xf32>"):
    text = f"builtin.module {{\n  func.func @main({arguments}) -> {result} {{\n{body}\n  }}\n}}\n"
    return {**members, MODULE: text.encode()}


WRONG_MODULES = {
    "an op that does not exist": ("%1 = nn.frobnicate %0 : (tensor<4xf32>) -> tensor<4xf32>", "frobnicate"),
    "an op of an unknown dialect": ('%1 = "evil.op"(%0) : (tensor<4xf32>) -> tensor<4xf32>', "evil.op"),
    "a call": ('%1 = func.call @system(%0) : (tensor<4xf32>) -> tensor<4xf32>', "system"),
    "an op of another dialect of ours": (
        '%1 = "tensor.empty"() : () -> tensor<4xf32>', "tensor.empty, which is not an nn op"
    ),
    "a loop": (
        "%c = arith.constant 0 : index\n%1 = scf.for %i = %c to %c step %c iter_args(%a = %0) -> (tensor<4xf32>) "
        "{ scf.yield %a : tensor<4xf32> }", "arith.constant, which is not an nn op",
    ),
    "a wrong result type": ("%1 = nn.relu %0 : (tensor<4xf32>) -> tensor<5xf32>", "relu"),
    "wrong operand types": (
        "%1 = nn.full {shape = [5], dtype = f32, value = 1.0} : () -> tensor<5xf32>\n"
        "%2 = nn.add %0, %1 : (tensor<4xf32>, tensor<5xf32>) -> tensor<4xf32>", "add",
    ),
    "a dynamic shape": ("%1 = nn.relu %0 : (tensor<4xf32>) -> tensor<?xf32>", "static"),
    "a missing attribute": ("%1 = nn.cast %0 : (tensor<4xf32>) -> tensor<4xf64>", "dtype"),
    "a huge tensor": (
        "%1 = nn.full {shape = [1000000, 1000000], dtype = f32, value = 1.0} : () -> tensor<1000000x1000000xf32>",
        "too large",
    ),
    "a huge constant": (
        "%1 = nn.constant {value = #nn.array<tensor<1000000x1000000xf32>, [1.0]>} : () -> tensor<1000000x1000000xf32>",
        "too large",
    ),
    "a window that never ends": (
        "%1 = nn.reshape %0 {shape = [1, 1, 2, 2]} : (tensor<4xf32>) -> tensor<1x1x2x2xf32>\n"
        "%2 = nn.avg_pool2d %1 {kernel = [2000000000, 2000000000], strides = [1999999999, 1999999999], "
        "padding = [999999999, 999999999, 999999999, 999999999], count_include_pad = true} "
        ": (tensor<1x1x2x2xf32>) -> tensor<1x1x1x1xf32>",
        "the windows of nn.avg_pool2d are too large",
    ),
    "a stride beyond 31 bits": (
        "%1 = nn.reshape %0 {shape = [1, 1, 2, 2]} : (tensor<4xf32>) -> tensor<1x1x2x2xf32>\n"
        "%2, %3 = nn.max_pool2d %1 {kernel = [1, 1], strides = [4294967296, 1], padding = [0, 0, 0, 0]} "
        ": (tensor<1x1x2x2xf32>) -> (tensor<1x1x1x2xf32>, tensor<1x1x1x2xi32>)",
        "the windows of nn.max_pool2d are too large",
    ),
    "a weight that never ends": (
        "%1 = nn.reshape %0 {shape = [1, 1, 2, 2]} : (tensor<4xf32>) -> tensor<1x1x2x2xf32>\n"
        "%2 = nn.full {shape = [1, 1, 60000, 60000], dtype = f32, value = 1.0} : () -> tensor<1x1x60000x60000xf32>\n"
        "%3 = nn.conv2d %1, %2 {strides = [1, 1], padding = [60000, 60000, 60000, 60000], dilation = [1, 1], "
        "groups = 1} "
        ": (tensor<1x1x2x2xf32>, tensor<1x1x60000x60000xf32>) -> tensor<1x1x60003x60003xf32>",
        "the windows of nn.conv2d are too large",
    ),
    "a weight in space that never ends": (
        "%1 = nn.reshape %0 {shape = [1, 1, 1, 2, 2]} : (tensor<4xf32>) -> tensor<1x1x1x2x2xf32>\n"
        "%2 = nn.full {shape = [1, 1, 1, 60000, 60000], dtype = f32, value = 1.0} : () -> "
        "tensor<1x1x1x60000x60000xf32>\n"
        "%3 = nn.conv3d %1, %2 {strides = [1, 1, 1], padding = [0, 0, 60000, 60000, 60000, 60000], "
        "dilation = [1, 1, 1], groups = 1} "
        ": (tensor<1x1x1x2x2xf32>, tensor<1x1x1x60000x60000xf32>) -> tensor<1x1x1x60003x60003xf32>",
        "the windows of nn.conv3d are too large",
    ),
    "a negative extent": ("%1 = nn.reshape %0 {shape = [-4]} : (tensor<4xf32>) -> tensor<4xf32>", "-4"),
    "an attribute of another kind": ("%1 = nn.reshape %0 {shape = \"4\"} : (tensor<4xf32>) -> tensor<4xf32>", "4"),
    "an integer beyond 64 bits": (
        "%1 = nn.reshape %0 {shape = [99999999999999999999999]} : (tensor<4xf32>) -> tensor<4xf32>", "",
    ),
    "a string that never ends": ('%1 = "' + "a" * 200, "a string does not end"),
    "a value used before it is made": (
        "%2 = nn.relu %1 : (tensor<4xf32>) -> tensor<4xf32>\n%1 = nn.relu %2 : (tensor<4xf32>) -> tensor<4xf32>",
        "relu uses a value that no op before it defines",
    ),
    "nesting": ("(" * 50_000, ""),
    "a file to read": ('%1 = nn.constant {value = dense_resource<file>} : () -> tensor<4xf32>', ""),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG_MODULES)
def test_a_hostile_module_is_refused(members: Members, case: str, tmp_path: Path):
    body, said = WRONG_MODULES[case]
    body += "\n  func.return %0 : tensor<4xf32>"
    message = refused(write(tmp_path / "x.cellir", module_with(members, body)))
    assert message.startswith(f": {MODULE}"), message
    assert said in message


WRONG_ARGUMENTS = {
    "an unknown kind": ('{cellc.kind = "file", cellc.name = "x"}', "kind 'file'"),
    "an update that is no number": ('{cellc.kind = "parameter", cellc.updated_by = "0"}', "must be an integer"),
    "an update that is not there": ('{cellc.kind = "parameter", cellc.updated_by = 7}', "last results"),
    "a negative update": ('{cellc.kind = "parameter", cellc.updated_by = -1}', "last results"),
    "an input that is updated": ('{cellc.kind = "input", cellc.updated_by = 0}', "cannot be updated"),
    "a name that is no string": ("{cellc.name = 3}", "inputs"),
}


@pytest.mark.parametrize("case", WRONG_ARGUMENTS)
def test_hostile_arguments_are_refused(members: Members, case: str, tmp_path: Path):
    attributes, said = WRONG_ARGUMENTS[case]
    changed = module_with(members, "func.return %0 : tensor<4xf32>", f"%0: tensor<4xf32> {attributes}")
    message = refused(write(tmp_path / "x.cellir", changed))
    assert message.startswith(f": {MODULE}"), message
    assert said in message


def test_mutated_modules_never_get_past_the_reader(members: Members, tmp_path: Path):
    """Tokens replaced at random: an ArchiveError, or a module that is still valid."""
    draw = random.Random(4)
    text = members[MODULE].decode()
    tokens = list(re.finditer(r"[\w.]+|[^\w\s]", text))
    spare = ["-1", "99999999999999999999", "f32", "i1", "?", "*", '"', "[", "}", "nn.matmul", "%9", "nan", "loc(", "\\"]
    accepted = 0
    for _ in range(300):
        place = draw.choice(tokens)
        new = draw.choice(spare) if draw.random() < 0.5 else draw.choice(tokens).group()
        members[MODULE] = (text[: place.start()] + new + text[place.end() :]).encode()
        accepted += read_or_refuse(write(tmp_path / "x.cellir", members), MODULE) is not None
    assert accepted < 100


# The weights


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ({}, "tensor 'table.embedding_table' is missing"),
        ({"table.embedding_table": np.zeros((9, 6), np.float64)}, "is float64[9, 6], manifest.json says float32[9, 6]"),
        ({"table.embedding_table": np.zeros((6, 9), np.float32)}, "is float32[6, 9]"),
        (
            {"table.embedding_table": np.zeros((9, 6), np.float32), "more": np.zeros(1, np.float32)},
            "tensor 'more' is not named",
        ),
    ],
)
def test_wrong_weights_are_named(members: Members, weights: dict[str, np.ndarray], said: str, tmp_path: Path):
    changed = {**members, WEIGHTS: weights_to_bytes(weights)}
    message = refused(write(tmp_path / "x.cellir", changed))
    assert message.startswith(f": {WEIGHTS}: ")
    assert said in message


def test_a_damaged_header_of_the_weights(members: Members, tmp_path: Path):
    data = members[WEIGHTS]
    header = 8 + int.from_bytes(data[:8], "little")
    for position in range(header):
        damaged = bytearray(data)
        damaged[position] ^= 0x11
        loaded = read_or_refuse(write(tmp_path / "x.cellir", {**members, WEIGHTS: bytes(damaged)}), WEIGHTS)
        if loaded is not None:
            assert list(loaded.parameters_dict()) == ["table.embedding_table"]
