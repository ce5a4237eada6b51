"""Reference for export: LDCNet in PyTorch with random weights, scoring random images.

Writes to the folder argv[1]: ldcnet.tar (state dict as torch.save leaves it), pixels.u8 [N,64,64,3],
scores.f32 [N], live_map.f32 and spoof_map.f32 [N,16,16]. Descriptors and batch norms are those of the method, unfolded.
"""
import sys
from collections import OrderedDict

import torch
from torch import nn
from torch.nn import functional as F

COUNT, SIZE, MAP = 50, 64, 16


class Descriptive(nn.Module):
    """Parameters of one LDC; their names are given by the owner."""

    @staticmethod
    def conv(x, w, mask, theta, stride):
        centre = torch.zeros(3, 3)
        centre[1, 1] = 1
        total = w.sum(dim=(2, 3), keepdim=True)
        return F.conv2d(x, w * (1 - theta * mask[:, :, None, None] * total * centre), stride=stride, padding=1)


class Block(nn.Module):
    def __init__(self, inn, out, stride):
        super().__init__()
        self.stride = stride
        for i, channels in ((1, inn), (2, out)):
            self.register_buffer(f"base_mask{i}", torch.ones(out, channels, 3, 3))
            self.register_parameter(f"learnable_mask{i}", nn.Parameter(torch.ones(out, channels)))
            self.register_parameter(f"theta{i}", nn.Parameter(torch.full((1,), 0.5)))
        self.conv1, self.bn1 = nn.Conv2d(inn, out, 3, bias=False), nn.BatchNorm2d(out)
        self.conv2, self.bn2 = nn.Conv2d(out, out, 3, bias=False), nn.BatchNorm2d(out)
        self.downsample = None
        if stride != 1 or inn != out:
            self.downsample = nn.Sequential(nn.Conv2d(inn, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x):
        y = F.relu(self.bn1(Descriptive.conv(x, self.conv1.weight, self.learnable_mask1, self.theta1, self.stride)))
        y = self.bn2(Descriptive.conv(y, self.conv2.weight, self.learnable_mask2, self.theta2, 1))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        inn = 64
        for i, out in enumerate((64, 128, 256, 512)):
            setattr(self, f"layer{i + 1}", nn.Sequential(Block(inn, out, 1 if i == 0 else 2), Block(out, out, 1)))
            inn = out
        self.bottleneck_layer_fc = nn.Linear(512, 512)
        self.bottleneck_layer = nn.Sequential(self.bottleneck_layer_fc)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        layers = []
        for i in range(1, 5):
            x = getattr(self, f"layer{i}")(x)
            layers.append(x)
        return layers


class EstimatorConv(nn.Module):
    def __init__(self, inn, out):
        super().__init__()
        self.conv = nn.Conv2d(inn, out, 3, bias=False)
        self.register_buffer("base_mask", torch.ones(out, inn, 3, 3))
        self.learnable_mask = nn.Parameter(torch.ones(out, inn))
        self.learnable_theta = nn.Parameter(torch.full((1,), 0.5))

    def forward(self, x):
        return Descriptive.conv(x, self.conv.weight, self.learnable_mask, self.learnable_theta, 1)


class Estimator(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(EstimatorConv(448, 128), nn.BatchNorm2d(128), nn.ReLU(), EstimatorConv(128, 64),
                                  nn.BatchNorm2d(64), nn.ReLU(), EstimatorConv(64, 1), nn.ReLU())

    def forward(self, x):
        return self.conv(x)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone, self.LiveEstor, self.SpoofEstor = Backbone(), Estimator(), Estimator()
        self.classifier = nn.Module()
        self.classifier.classifier_layer = nn.Linear(512, 2)

    def forward(self, x):
        *low, top = self.backbone(x)
        cat = torch.cat([F.adaptive_avg_pool2d(layer, MAP) for layer in low], 1)
        f = F.relu(self.backbone.bottleneck_layer_fc(top.mean(dim=(2, 3))))
        f = f / (f.norm(dim=1, keepdim=True).clamp(min=1e-12).sqrt() * 2 ** 0.5)
        layer = self.classifier.classifier_layer
        weight = layer.weight / layer.weight.norm(dim=0, keepdim=True)
        logits = F.linear(f, weight, layer.bias)
        return logits.softmax(1)[:, 1], self.LiveEstor(cat), self.SpoofEstor(cat)


def randomise(net):
    for name, tensor in net.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5)
        elif name.endswith("running_mean"):
            tensor.uniform_(-0.3, 0.3)
        elif "learnable_mask" in name:
            tensor.uniform_(0.5, 1.5)
        elif "theta" in name:
            tensor.uniform_(0.2, 0.8)
        elif ".bn" in name or "downsample.1" in name:
            if name.endswith(("weight", "bias")):
                tensor.add_(torch.empty_like(tensor).uniform_(-0.2, 0.2))


def main():
    folder = sys.argv[1]
    torch.manual_seed(8)
    net = Net().eval()
    randomise(net)
    torch.save(OrderedDict(net.state_dict()), f"{folder}/ldcnet.tar")
    pixels = torch.randint(0, 256, (COUNT, SIZE, SIZE, 3), dtype=torch.uint8)
    with torch.no_grad():
        results = net(pixels.permute(0, 3, 1, 2).float() / 255)
    for name, tensor in zip(("pixels.u8", "scores.f32", "live_map.f32", "spoof_map.f32"), (pixels, *results)):
        tensor.contiguous().numpy().tofile(f"{folder}/{name}")


main()
