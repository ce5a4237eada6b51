// Where bilinear resizing reads: half-pixel centres, clamped at the border, no antialiasing (PyTorch's align_corners = false).
// Positions are worked out in double.
#pragma once

#include "../contract.h"

namespace ldc::cuda::LDC_TARGET {

// The two inputs of one output line and the weight of the second.
struct Tap {
  int64_t near, far;
  float weight;
};

LDC_DEVICE Tap tap_of(int64_t i, int64_t in, int64_t out) {
  const double centre = (static_cast<double>(i) + 0.5) * static_cast<double>(in) / static_cast<double>(out) - 0.5;
  const double at = centre > 0 ? centre : 0;
  const int64_t near = static_cast<int64_t>(at) < in - 1 ? static_cast<int64_t>(at) : in - 1;
  return {near, near + 1 < in ? near + 1 : in - 1, static_cast<float>(at - static_cast<double>(near))};
}

}  // namespace ldc::cuda::LDC_TARGET
