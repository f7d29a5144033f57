"""lit configuration: every RUN line uses the substitutions below, and `python` is the one that runs lit."""

import importlib.util
import os
import sys

import lit.formats

config.name = "cellc"  # noqa: F821
config.test_format = lit.formats.ShTest(execute_external=False)  # noqa: F821
config.suffixes = [".mlir"]  # noqa: F821
config.test_source_root = os.path.dirname(__file__)  # noqa: F821
config.environment["PYTHONPATH"] = os.environ.get("PYTHONPATH", "")  # noqa: F821
# The plain words are for files that read like a shell session; they come first, as theirs are substrings.
config.substitutions += [  # noqa: F821
    (r"(?<![%./\w-])cellc-opt(?=\s)", f"{sys.executable} -m cellc.tools.opt"),
    (r"(?<![%./\w-])filecheck(?=\s)", f"{sys.executable} -m filecheck"),
    ("%python", sys.executable),
    ("%cellc-opt", f"{sys.executable} -m cellc.tools.opt"),
    ("%FileCheck", f"{sys.executable} -m filecheck"),
]

# A tool that is not installed is a feature that is absent: tests that need it say REQUIRES.
for feature, module in {"mlir": "torch_mlir", "llvmlite": "llvmlite", "bishengir": "ascendnpuir"}.items():
    if importlib.util.find_spec(module) is not None:
        config.available_features.add(feature)  # noqa: F821
