"""The worker of PyTorch (protocol.ts): the same networks, losses and optimiser as ours, written as one writes PyTorch.

    python3 torch_worker.py WORKLOAD BATCH SIZE THREADS [contiguous|channels_last [fp32|tf32|bf16 [cuda]]]

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


# On a GPU all tensors are made there (torch 2.0 or newer).
device = "cuda" if sys.argv[7:8] == ["cuda"] else "cpu"
if device == "cuda":
    torch.set_default_device("cuda")
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = sys.argv[6] != "fp32"

# With bf16 forward passes run in torch.autocast, which chooses by operation; losses are computed in float32.
autocast = torch.autocast(device, dtype=torch.bfloat16, enabled=sys.argv[6:7] == ["bf16"])


def training(net, images, loss_of, layout, optimizer=None, after=lambda: None):
    """`images`: a batch, or a function that makes one."""
    net.to(memory_format=layout)
    optimizer = optimizer or torch.optim.Adam(net.parameters(), lr=1e-4)
    batch = images if callable(images) else lambda: images

    def step():
        with autocast:
            outputs = net(batch())
        loss = loss_of(tuple(x.float() for x in outputs) if isinstance(outputs, tuple) else outputs.float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        after()
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


SOURCES = 3


def targets_of(rows):
    """Live and attack, sources, in turn."""
    return torch.arange(rows) % 2, torch.div(torch.arange(rows), 2, rounding_mode="floor") % SOURCES


def sgd(parameters, lr=1e-3):
    return torch.optim.SGD(parameters, lr=lr, momentum=0.9, weight_decay=5e-4)


def flipped(images, layout):
    """Each image mirrored or not."""
    flips = torch.rand(len(images)) < 0.5
    return torch.where(flips[:, None, None, None], images.flip(3), images).contiguous(memory_format=layout)


class ERM(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk, self.fc = Trunk(plain_conv), nn.Linear(512, 2)

    def forward(self, images):
        return self.fc(self.trunk(images)[3].mean((2, 3)))


def erm_training(images, layout):
    net, (classes, _) = ERM(), targets_of(len(images))
    return training(net, lambda: flipped(images, layout), lambda logits: F.cross_entropy(logits, classes), layout, sgd(net.parameters()))


class Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, coefficient):
        ctx.coefficient = coefficient
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient):
        return -ctx.coefficient * gradient, None


class SSDG(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk, self.bottleneck, self.classifier = Trunk(plain_conv), nn.Linear(512, 512), nn.Linear(512, 2)
        self.discriminator = nn.Sequential(nn.Linear(512, 512), nn.ReLU(), nn.Dropout(0.5), nn.Linear(512, SOURCES))

    def forward(self, images):
        f = F.dropout(F.relu(self.bottleneck(self.trunk(images)[3].mean((2, 3)))), 0.5, self.training)
        f = f / torch.sqrt(2 * f.norm(dim=1, keepdim=True).clamp(min=1e-12))
        with torch.no_grad():
            self.classifier.weight.div_(self.classifier.weight.norm(dim=0, keepdim=True))
        return self.classifier(f), f


def batch_all_triplet(f, labels, margin):
    """The mean violation of all triplets that violate, by Euclidean distance."""
    products = f @ f.t()
    squares = F.relu(products.diag()[:, None] + products.diag()[None] - 2 * products)
    distances = torch.where(squares > 0, squares.clamp(min=1e-16).sqrt(), torch.zeros_like(squares))
    same = labels[:, None] == labels[None]
    valid = (same & ~torch.eye(len(f), dtype=torch.bool))[:, :, None] & ~same[:, None, :]
    violations = F.relu(distances[:, :, None] - distances[:, None, :] + margin) * valid
    return violations.sum() / ((violations > 1e-16).sum() + 1e-16)


def ssdg_training(images, layout):
    net, (classes, domains) = SSDG(), targets_of(len(images))
    live, labels = classes == 1, torch.where(classes == 1, torch.zeros_like(domains), domains + 1)

    def loss_of(outputs):
        logits, f = outputs
        source = F.cross_entropy(net.discriminator(Reversal.apply(f[live], 0.5)), domains[live])
        return F.cross_entropy(logits, classes) + batch_all_triplet(f, labels, 0.1) + 0.5 * source

    return training(net, lambda: flipped(images, layout), loss_of, layout, sgd(net.parameters()))


class SAFAS(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk, self.heads = Trunk(plain_conv), nn.ModuleList(nn.Linear(512, 1) for _ in range(SOURCES))

    def forward(self, images):
        phi = self.trunk(images)[3].mean((2, 3))
        return torch.cat([head(phi) for head in self.heads], 1), phi

    @torch.no_grad()
    def align(self, alpha):
        w = torch.cat([head.weight for head in self.heads])
        unit = w / (w.norm(dim=1, keepdim=True) + 1e-10)
        far = (unit @ unit.t() + 3 * torch.eye(len(w))).argmin(1)
        mixed = alpha * unit + (1 - alpha) * unit[far]
        mixed = mixed / (mixed.norm(dim=1, keepdim=True) + 1e-10) * w.norm(dim=1, keepdim=True)
        for head, row in zip(self.heads, mixed):
            head.weight.copy_(row[None])


def contrastive(u, labels, temperature, base):
    """Khosla et al., 2020: all other rows are contrasts, those of the label positives."""
    similarities = u @ u.t() / temperature
    itself = torch.eye(len(u), dtype=torch.bool)
    log_p = similarities - similarities.masked_fill(itself, float("-inf")).logsumexp(1, keepdim=True)
    positive = (labels[:, None] == labels[None]) & ~itself
    return -temperature / base * ((log_p * positive).sum(1) / positive.sum(1)).mean()


def safas_training(images, layout):
    """Half as many images as rows, two views each: one affine sampling for rotation, crop and mirror image, which is less work than one after the other."""
    count = (len(images) + 1) // 2
    net, (classes, domains) = SAFAS(), targets_of(count)
    classes, domains, images = classes.repeat(2), domains.repeat(2), images[:count].repeat(2, 1, 1, 1)

    def views():
        n = len(images)
        angle, side = torch.rand(n) * 6.2832, torch.rand(n).mul(0.8).add(0.2).sqrt() * (1 - 2 * (torch.rand(n) < 0.5))
        place = (torch.rand(n, 2) * 2 - 1) * (1 - side.abs())[:, None]
        cos, sin = angle.cos(), angle.sin()
        theta = torch.stack([torch.stack([cos * side, -sin * side.abs(), place[:, 0]], 1),
                             torch.stack([sin * side, cos * side.abs(), place[:, 1]], 1)], 1)
        grid = F.affine_grid(theta, images.shape, align_corners=False)
        return F.grid_sample(images, grid, align_corners=False).contiguous(memory_format=layout)

    def loss_of(outputs):
        logits, phi = outputs
        by_head = [F.binary_cross_entropy_with_logits(logits[domains == k, k], classes[domains == k].float()) for k in range(SOURCES)]
        return sum(by_head) / SOURCES + 0.1 * contrastive(F.normalize(phi), 10 * domains + classes, 0.1, 0.07)

    return training(net, views, loss_of, layout, sgd(net.parameters(), 5e-3), lambda: net.align(0.995))


def evaluation(images, layout):
    net = LDCNet(min(32, images.shape[2] // 8)).eval().to(memory_format=layout)

    def step():
        with torch.no_grad(), autocast:
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
        with torch.no_grad(), autocast:
            activation = net.trunk(images)[3]
        activation.requires_grad_(True)
        with autocast:
            score = net.head(activation.mean((2, 3)))[:, 1].sum()
        gradient, = torch.autograd.grad(score, activation)
        with torch.no_grad():
            raw = F.relu((gradient.mean((2, 3), keepdim=True) * activation).sum(1, keepdim=True))
            return resized(unit_range(resized(unit_range(raw), side)), 32) * 255

    return step


WORKLOADS = {"ldcnet-train": ldcnet_training, "activation-train": activation_training, "erm-train": erm_training,
             "ssdg-train": ssdg_training, "safas-train": safas_training, "ldcnet-eval": evaluation, "grad-cam": grad_cam}


def main():
    workload, batch, size, threads = sys.argv[1], *map(int, sys.argv[2:5])
    layout = torch.channels_last if sys.argv[5:6] == ["channels_last"] else torch.contiguous_format
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
