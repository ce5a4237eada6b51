"""The worker of PyTorch (protocol.ts): the same networks, losses and optimiser as ours, written as one writes PyTorch.

    python3 torch_worker.py WORKLOAD BATCH SIZE THREADS [contiguous|channels_last]

Prints a line when the workload is prepared, then reads lines, runs as many steps as each says and prints their mean time. Needs torch alone
(1.13 or newer): pip install torch --index-url https://download.pytorch.org/whl/cpu, or apt install python3-torch.
"""
import json
import resource
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F


class DescriptiveConv(nn.Module):
    """A 3x3 convolution whose centre weight is scaled by 1 - theta m S, S the sum of its nine weights."""

    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        self.stride = stride
        self.weight = nn.Parameter(torch.empty(outputs, inputs, 3, 3))
        nn.init.kaiming_normal_(self.weight, mode="fan_out")
        self.mask = nn.Parameter(torch.ones(outputs, inputs))
        self.theta = nn.Parameter(torch.tensor([0.5]))
        centre = torch.zeros(1, 1, 3, 3)
        centre[..., 1, 1] = 1
        self.register_buffer("centre", centre)

    def forward(self, x):
        strength = (self.theta * self.mask * self.weight.sum((2, 3)))[:, :, None, None]
        return F.conv2d(x, self.weight * (1 - strength * self.centre), None, self.stride, 1)


def plain_conv(inputs, outputs, stride=1):
    return nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)


class Block(nn.Module):
    def __init__(self, conv, inputs, outputs, stride):
        super().__init__()
        self.conv1, self.bn1 = conv(inputs, outputs, stride), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = conv(outputs, outputs), nn.BatchNorm2d(outputs)
        self.shortcut = None
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)), inplace=True)))
        y += x if self.shortcut is None else self.shortcut(x)
        return F.relu(y, inplace=True)


class Trunk(nn.Module):
    """ResNet-18 up to layer4: the outputs of the four stages."""

    def __init__(self, conv):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True),
                                  nn.MaxPool2d(3, 2, 1))
        widths = [64, 64, 128, 256, 512]
        self.stages = nn.ModuleList(
            nn.Sequential(Block(conv, inputs, outputs, 1 if i == 0 else 2), Block(conv, outputs, outputs, 1))
            for i, (inputs, outputs) in enumerate(zip(widths, widths[1:])))

    def forward(self, x):
        x = self.stem(x)
        outputs = []
        for stage in self.stages:
            x = stage(x)
            outputs.append(x)
        return outputs


def estimator():
    return nn.Sequential(DescriptiveConv(448, 128), nn.BatchNorm2d(128), nn.ReLU(inplace=True), DescriptiveConv(128, 64),
                         nn.BatchNorm2d(64), nn.ReLU(inplace=True), DescriptiveConv(64, 1), nn.ReLU(inplace=True))


class LDCNet(nn.Module):
    def __init__(self, map_size):
        super().__init__()
        self.map_size = map_size
        self.trunk = Trunk(DescriptiveConv)
        self.bottleneck = nn.Linear(512, 512)
        self.live, self.spoof = estimator(), estimator()
        self.classifier = nn.Linear(512, 2)

    def forward(self, images):
        layer1, layer2, layer3, layer4 = self.trunk(images)
        joined = torch.cat([F.adaptive_avg_pool2d(x, self.map_size) for x in (layer1, layer2, layer3)], 1)
        f = F.dropout(F.relu(self.bottleneck(layer4.mean((2, 3)))), 0.5, self.training)
        f = f / torch.sqrt(2 * f.norm(dim=1, keepdim=True).clamp(min=1e-12))
        with torch.no_grad():
            self.classifier.weight.div_(self.classifier.weight.norm(dim=0, keepdim=True))
        return self.classifier(f), self.live(joined), self.spoof(joined), f


class ActivationNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = Trunk(plain_conv)
        self.head = nn.Sequential(nn.Linear(512, 1000), nn.Linear(1000, 2))

    def forward(self, images):
        return self.head(self.trunk(images)[3].mean((2, 3)))


def batch_hard_triplet(f, labels, margin):
    """The farthest of the same label against the nearest of another, by Euclidean distance."""
    products = f @ f.t()
    squares = F.relu(products.diag()[:, None] + products.diag()[None] - 2 * products)
    distances = torch.where(squares > 0, squares.clamp(min=1e-16).sqrt(), torch.zeros_like(squares))
    same = labels[:, None] == labels[None]
    others = same & ~torch.eye(len(f), dtype=torch.bool)
    farthest = (distances * others).max(1).values
    nearest = (distances + distances.max(1, keepdim=True).values * same).min(1).values
    return F.relu(farthest - nearest + margin).mean()


def training(net, images, loss_of, layout):
    net.to(memory_format=layout)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-4)

    def step():
        loss = loss_of(net(images))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def ldcnet_training(images, layout):
    n, map_size = len(images), min(32, images.shape[2] // 8)
    classes, materials = torch.arange(n) % 2, torch.arange(n) % 3
    target = torch.rand(n, 1, map_size, map_size) * 255

    def loss_of(outputs):
        logits, live, spoof, f = outputs
        maps = F.mse_loss(live, target) + F.mse_loss(spoof, target)
        return F.cross_entropy(logits, classes) + 0.004 * maps + 0.1 * batch_hard_triplet(f, materials, 0.1)

    return training(LDCNet(map_size), images, loss_of, layout)


def activation_training(images, layout):
    classes = torch.arange(len(images)) % 2
    return training(ActivationNet(), images, lambda logits: F.cross_entropy(logits, classes), layout)


def evaluation(images, layout):
    net = LDCNet(min(32, images.shape[2] // 8)).eval().to(memory_format=layout)

    def step():
        with torch.no_grad():
            logits, live, spoof, _ = net(images)
            return logits.softmax(1), live, spoof

    return step


def unit_range(maps):
    maps = maps - maps.amin((2, 3), keepdim=True)
    return maps / (1e-7 + maps.amax((2, 3), keepdim=True))


def grad_cam(images, layout):
    """Maps at layer4; only the head is differentiated."""
    net = ActivationNet().eval().requires_grad_(False).to(memory_format=layout)
    side = images.shape[2]

    def resized(maps, size):
        return F.interpolate(maps, size=(size, size), mode="bilinear", align_corners=False)

    def step():
        with torch.no_grad():
            activation = net.trunk(images)[3]
        activation.requires_grad_(True)
        score = net.head(activation.mean((2, 3)))[:, 1].sum()
        gradient, = torch.autograd.grad(score, activation)
        with torch.no_grad():
            raw = F.relu((gradient.mean((2, 3), keepdim=True) * activation).sum(1, keepdim=True))
            return resized(unit_range(resized(unit_range(raw), side)), 32) * 255

    return step


WORKLOADS = {"ldcnet-train": ldcnet_training, "activation-train": activation_training, "ldcnet-eval": evaluation,
             "grad-cam": grad_cam}


def main():
    workload, batch, size, threads = sys.argv[1], *map(int, sys.argv[2:5])
    layout = torch.channels_last if sys.argv[5:] == ["channels_last"] else torch.contiguous_format
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    images = torch.rand(batch, 3, size, size).to(memory_format=layout)
    step = WORKLOADS[workload](images, layout)
    print(json.dumps(torch.__version__), flush=True)
    for line in sys.stdin:
        steps = int(line)
        before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        for _ in range(steps):
            step()
        seconds, after = (time.perf_counter() - start) / steps, resource.getrusage(resource.RUSAGE_SELF)
        used = (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime) / steps
        print(json.dumps({"ms": seconds * 1e3, "cpu_ms": used * 1e3, "peak_rss_mb": after.ru_maxrss / 1024,
                          "page_faults": round((after.ru_minflt - before.ru_minflt) / steps)}), flush=True)


if __name__ == "__main__":
    main()
