// Where bilinear resizing reads: half-pixel centres, clamped at the border, no antialiasing (PyTorch's align_corners = false).
// Positions are worked out in double.
#pragma once

#include <cstdint>

#include "loops.h"

namespace ldc::cpu::LDC_ISA {

// The two inputs of one output line and the weight of the second.
struct Tap {
  int32_t near, far;
  float weight;
};

// Taps of `out` lines on the `in` lines that start at `first`.
inline void fill_taps(Tap* taps, int64_t first, int64_t in, int64_t out) {
  for (int64_t i = 0; i < out; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * static_cast<double>(in) / static_cast<double>(out) - 0.5;
    const double at = centre > 0 ? centre : 0;
    const int64_t near = least(in - 1, static_cast<int64_t>(at));
    taps[i] = {static_cast<int32_t>(first + near), static_cast<int32_t>(first + least(in - 1, near + 1)),
               static_cast<float>(at - static_cast<double>(near))};
  }
}

}  // namespace ldc::cpu::LDC_ISA
