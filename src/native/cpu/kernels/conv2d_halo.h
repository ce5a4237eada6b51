// Copies a window of one channel block into working memory, with zeros where it leaves the image, so that the kernels need
// not know about borders.
#pragma once

#include <cstdint>
#include <cstring>

#include "../features.h"
#include "../vec.h"

namespace ldc::cpu::LDC_ISA::conv2d {

// The window: rows x cols pixels, every step-th pixel of the image from (top, left), which may lie outside.
struct Halo {
  int64_t top, left, rows, cols, step;
};

// from: [height, width, block]; to: [rows, cols, block].
inline void copy_halo(const Halo& halo, const float* from, int64_t height, int64_t width, int64_t block, float* to) {
  const size_t pixel = static_cast<size_t>(block) * sizeof(float);
  for (int64_t row = 0; row < halo.rows; ++row) {
    const int64_t y = halo.top + row * halo.step;
    if (y < 0 || y >= height) {
      std::memset(to, 0, halo.cols * pixel);
      to += halo.cols * block;
      continue;
    }
    const float* line = from + y * width * block;
    if (halo.step == 1) {
      const int64_t before = halo.left >= 0 ? 0 : (-halo.left < halo.cols ? -halo.left : halo.cols);
      const int64_t inside = width - (halo.left + before), room = halo.cols - before;
      const int64_t count = inside < 0 ? 0 : (inside < room ? inside : room);
      std::memset(to, 0, before * pixel);
      if (count > 0) std::memcpy(to + before * block, line + (halo.left + before) * block, count * pixel);
      std::memset(to + (before + count) * block, 0, (room - count) * pixel);
      to += halo.cols * block;
      continue;
    }
    for (int64_t col = 0; col < halo.cols; ++col, to += block) {
      const int64_t x = halo.left + col * halo.step;
      const bool inside = x >= 0 && x < width;
      if (block == kBlock) {
        (inside ? Vec::load(line + x * kBlock) : Vec::zero()).store(to);
      } else {
        for (int64_t c = 0; c < block; ++c) to[c] = inside ? line[x * block + c] : 0.0f;
      }
    }
  }
}

}  // namespace ldc::cpu::LDC_ISA::conv2d
