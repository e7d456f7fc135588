"""Small feature networks in the formats that others write."""

import hashlib
import warnings

import pytest
import torch
from torch import nn


class Pooled(nn.Module):
    """Three numbers an image: the mean of each channel; of a batch's input size it tells nothing."""

    def forward(self, x: torch.Tensor, return_features: bool = False) -> torch.Tensor:
        y = x.mean(dim=[2, 3])
        if return_features:
            return y
        return y.softmax(1)


def scripted_file(module: nn.Module, path):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`torch\.jit\.(script|save)", DeprecationWarning)
        torch.jit.script(module).save(path)
    return path


@pytest.fixture(scope="session")
def script(tmp_path_factory):
    """A TorchScript file whose features are the means of its input's channels."""
    return scripted_file(Pooled(), tmp_path_factory.mktemp("script") / "pooled.pt")


@pytest.fixture(scope="session")
def script_sha256(script):
    return hashlib.sha256(script.read_bytes()).hexdigest()


@pytest.fixture(scope="session")
def scripted():
    """Writes a module as TorchScript: `scripted(module, path)`."""
    return scripted_file


@pytest.fixture(scope="session")
def onnx_of():
    """Writes an ONNX file whose features are the means of its input's channels: `onnx_of(path, shape)`."""
    onnx = pytest.importorskip("onnx")

    def write(path, shape=("batch", 3, 4, 4)):
        kind = onnx.TensorProto.FLOAT
        node = onnx.helper.make_node("ReduceMean", ["x", "axes"], ["y"], keepdims=0)
        axes = onnx.helper.make_tensor("axes", onnx.TensorProto.INT64, [2], [2, 3])
        graph = onnx.helper.make_graph(
            [node],
            "pooled",
            [onnx.helper.make_tensor_value_info("x", kind, list(shape))],
            [onnx.helper.make_tensor_value_info("y", kind, list(shape[:2]))],
            [axes],
        )
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9)
        onnx.save(model, path)
        return path

    return write
