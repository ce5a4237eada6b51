// The convolutions of both networks at their real widths: what fixtures, which have few channels, do not reach (wide tiles, parts of sums).
#pragma once

#include <cstdint>
#include <vector>

#include "session.h"

namespace ldc::check_program {

// A convolution of LDCNet, padded by half its kernel. The activation network is the same ResNet-18 without the heads; its 3x3
// convolutions are vanilla, LDCNet's descriptive.
struct Layer {
  const char* name;
  int64_t in, out, size;  // input channels, output channels, input height and width at images of 256 pixels
  int kernel, stride;
  int times;  // how often LDCNet has it

  bool descriptive() const { return kernel == 3; }
  int64_t output_size(int64_t input_size) const { return (input_size + 2 * (kernel / 2) - kernel) / stride + 1; }
};

constexpr int64_t kImageSize = 256, kBatch = 30;

constexpr Layer kLayers[] = {
    {"stem 7x7 s2", 3, 64, 256, 7, 2, 1},     {"layer1 3x3", 64, 64, 64, 3, 1, 4},      {"layer2 3x3 s2", 64, 128, 64, 3, 2, 1},
    {"layer2 1x1 s2", 64, 128, 64, 1, 2, 1},  {"layer2 3x3", 128, 128, 32, 3, 1, 3},    {"layer3 3x3 s2", 128, 256, 32, 3, 2, 1},
    {"layer3 1x1 s2", 128, 256, 32, 1, 2, 1}, {"layer3 3x3", 256, 256, 16, 3, 1, 3},    {"layer4 3x3 s2", 256, 512, 16, 3, 2, 1},
    {"layer4 1x1 s2", 256, 512, 16, 1, 2, 1}, {"layer4 3x3", 512, 512, 8, 3, 1, 3},     {"head 448-128", 448, 128, 32, 3, 1, 2},
    {"head 128-64", 128, 64, 32, 3, 1, 2},    {"head 64-1", 64, 1, 32, 3, 1, 2},
};

// Between -1 and 1, the same on every machine.
Values random_values(const std::vector<int64_t>& shape, uint32_t seed);

struct LayerCheck {
  int64_t batch = kBatch, size = kImageSize;
  std::string only;   // layers with this in their name
  Rounding rounding;  // of `device`; features of both are in its type
};

// Every layer, forward and both gradients, on `device` twice and on `reference`; outputs are poisoned before. Prints a line a layer. Whether
// all results are inside their limits and have the same bits in the second run. Limits are those of docs/cuda.md.
bool check_layers(Device& device, Device& reference, const LayerCheck& how);

}  // namespace ldc::check_program
