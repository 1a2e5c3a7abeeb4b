"""Write a torch module to an ONNX file with metadata, and run the file."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import numpy as np
import torch

from .._typing import Settings
from ..exceptions import install_command

# Protobuf files are limited to 2 GiB; this leaves space for the graph.
_MAX_BYTES = 2_000_000_000
OUTPUTS = ["probabilities", "logits"]


def check_packages() -> None:
    """Refuse to start without the optional packages."""
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401

        if _has_new_exporter():
            import onnxscript  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"export_onnx needs onnx, onnxscript and onnxruntime ({error}): "
            f"{install_command('onnx')}"
        ) from None


def check_path(path: str | Path) -> Path:
    """Refuse a path where no file can be written."""
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"path={str(path)!r}: there is no folder {str(path.parent)!r}. Make it first."
        )
    if path.is_dir():
        raise ValueError(f"path={str(path)!r} is a folder. Give the name of a file in it.")
    return path


def _has_new_exporter() -> bool:
    """Whether the exporter based on torch.export is torch's default."""
    return torch.torch_version.TorchVersion(torch.__version__) >= "2.9"


def write_file(
    module: torch.nn.Module,
    example: torch.Tensor,
    input_name: str,
    file: Path,
    opset: int,
    metadata: Settings,
) -> None:
    """Convert a module with one input to an ONNX file of probabilities and logits, and check it.

    The first dimension of inputs and outputs is variable. Metadata are stored as JSON.
    """
    import onnx

    n_bytes = sum(value.numel() * value.element_size() for value in module.state_dict().values())
    large = n_bytes > _MAX_BYTES
    options: Settings = {
        "input_names": [input_name],
        "output_names": OUTPUTS,
        "opset_version": opset,
    }
    if _has_new_exporter():
        options |= {
            "dynamo": True,
            "dynamic_shapes": ({0: torch.export.Dim("batch")},),
            "external_data": large,
            "verbose": False,
        }
    else:
        options["dynamic_axes"] = {name: {0: "batch"} for name in (input_name, *OUTPUTS)}
    try:
        with _quiet(), torch.no_grad():
            torch.onnx.export(module, (example,), str(file), **options)
        proto = onnx.load(str(file))
        written = {entry.domain: entry.version for entry in proto.opset_import}[""]
        if written != opset:
            raise ValueError(f"the exporter wrote opset {written}")
        del proto.metadata_props[:]  # so that all entries are our own JSON
        texts = {key: json.dumps(value) for key, value in metadata.items()}
        onnx.helper.set_model_props(proto, texts)
        file.with_name(f"{file.name}.data").unlink(missing_ok=True)  # torch's file, now in memory
        # a new name each time: the old file keeps its weights until the new one is whole
        location = f"{file.name}.{uuid4().hex[:8]}.data"
        onnx.save(proto, str(file), save_as_external_data=large, location=location)
        onnx.checker.check_model(str(file))
    except OSError:  # the disk is full
        raise
    except Exception as error:  # exporters raise all sorts of errors
        raise RuntimeError(
            f"torch {torch.__version__} could not export the model with opset={opset} "
            f"({_cause(error)}). If 18, the default, fails too, a model of this kind cannot be "
            "exported."
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporters' internal messages."""
    loggers = [logging.getLogger(name) for name in ("onnxscript", "torch.onnx")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels):
            logger.setLevel(level)


def run_file(file: Path, inputs: np.ndarray) -> list[np.ndarray]:
    """Probabilities and logits from onnxruntime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # fatal only; errors are raised anyway
    try:
        session = onnxruntime.InferenceSession(
            str(file), options, providers=["CPUExecutionProvider"]
        )
        return session.run(OUTPUTS, {session.get_inputs()[0].name: inputs})
    except Exception as error:  # onnxruntime's errors have no common class
        raise RuntimeError(
            f"onnxruntime {onnxruntime.__version__} could not run the exported file "
            f"({_cause(error)}). Try opset=18 or a newer onnxruntime."
        ) from error


def _cause(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip()}".split("\n")[0]
