"""Saves checkpoints of every kind with real PyTorch into a folder, and what they must read as into expected.json.

expected.json: file name -> tensor name -> [dtype, shape, hexadecimal bytes in row-major little-endian order].
"""
import argparse
import collections
import json
import sys
import warnings
from pathlib import Path

import numpy as np
import torch

warnings.simplefilter("ignore")
folder = Path(sys.argv[1])
expected = {}
torch.manual_seed(0)


def plain(tensor):
    flat = tensor.detach().contiguous().reshape(-1)
    bits = flat.view(torch.int16) if flat.dtype == torch.bfloat16 else flat
    return [str(tensor.dtype).removeprefix("torch."), list(tensor.shape), bits.numpy().tobytes().hex()]


def save(name, content, state, **options):
    torch.save(content, folder / name, **options)
    expected[name] = {key: plain(value) for key, value in state.items()}


def both(name, content, state):
    save(f"{name}_zip.pth", content, state)
    save(f"{name}_legacy.pth", content, state, _use_new_zipfile_serialization=False)


base = torch.randn(6, 5, 4)
kinds = collections.OrderedDict(
    f64=torch.randn(3, dtype=torch.float64),
    f32=torch.tensor([0.0, -0.0, float("inf"), float("nan"), 1e-40]),
    f16=torch.randn(7).half(),
    bf16=torch.randn(7).bfloat16(),
    i64=torch.tensor([-(2**62), 2**53 + 1]),
    i32=torch.tensor([-7], dtype=torch.int32),
    i16=torch.tensor([-300], dtype=torch.int16),
    i8=torch.tensor([-128], dtype=torch.int8),
    u8=torch.tensor([255], dtype=torch.uint8),
    bool=torch.tensor([[True, False]]),
    scalar=torch.tensor(3.5),
    empty=torch.zeros(0, 4),
    base=base,
    row=base[2],
    step=base[1::2, ::3, 1::2],
    transposed=base.permute(2, 0, 1),
    repeated=torch.tensor([[1.0], [2.0]]).expand(2, 9),
    channels_last=torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
    parameter=torch.nn.Parameter(torch.randn(2)),
    grad=torch.randn(2, requires_grad=True),
)
both("kinds", kinds, kinds)
for protocol in (2, 3, 4, 5):
    save(f"protocol{protocol}.pth", dict(kinds), kinds, pickle_protocol=protocol)

marked = torch.randn(3)
marked.note = "an attribute"
parameter = torch.nn.Parameter(torch.randn(3))
parameter.note = "another"
both("attributes", {"t": marked, "p": parameter}, {"t": marked, "p": parameter})


class Block(torch.nn.Module):
    def __init__(self, channels, out, stride):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(channels, out, 3, stride, 1, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(out)
        self.conv2 = torch.nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.bn2 = torch.nn.BatchNorm2d(out)

    def forward(self, x):
        return self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))


network = torch.nn.Sequential(Block(3, 4, 2), Block(4, 8, 2), torch.nn.Flatten(), torch.nn.Linear(32, 2))
optimizer = torch.optim.Adam(network.parameters())
scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [3, 5, 5])
network(torch.randn(4, 3, 8, 8)).sum().backward()
optimizer.step()
scheduler.step()
state = network.state_dict()
both("module", state, state)
both(
    "training",
    {
        "epoch": 3,
        "best": np.float64(0.5),
        "history": np.arange(4.0),
        "args": argparse.Namespace(lr=1e-4, names=["a"], device=torch.device("cpu"), dtype=torch.float32),
        "sizes": torch.Size([1, 2]),
        "seen": {1, 2},
        "frozen": frozenset([3]),
        "counts": collections.defaultdict(list, a=[1]),
        "raw": b"\x00\xff",
        "text": bytearray(b"abc"),
        "big": 2**70,
        "none": None,
        "nested": [(1, 2.5, "ü"), {"x": True}],
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
        "state_dict": {f"module.{name}": value for name, value in state.items()},
    },
    state,
)
both("own_name", {"backbone_weights": state, "optimizer": optimizer.state_dict()}, state)
gru = torch.nn.GRU(3, 4, 2).state_dict()
both("flattened", gru, gru)

torch.save(network, folder / "refused_module.pth")
torch.save(torch.zeros(3), folder / "refused_tensor.pth")
torch.save({"a": state, "b": gru}, folder / "refused_several.pth")
torch.save({"a": torch.complex(torch.zeros(1), torch.zeros(1))}, folder / "refused_complex.pth")
torch.jit.script(torch.nn.Linear(2, 2)).save(folder / "refused_script.pth")

(folder / "expected.json").write_text(json.dumps(expected))
