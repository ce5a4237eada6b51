// How convolutions see features of either type: as planes of 16 channels, which are copied into working memory as float32, with zeros
// where a window leaves the image, so that the kernels need not know about types and borders.
#pragma once

#include <cstdint>
#include <cstring>

#include "loops.h"

namespace ldc::cpu::LDC_ISA::conv2d {

// Planes of [height, width] pixels, `step` elements apart, of 16 channels (C <= 4: of C). In bf16 two planes lie side by side, in the
// same cache lines: what walks over planes takes `side` of them together.
template <class T>
struct Planes {
  static constexpr int64_t side = Line<T>::kLanes / kBlock;
  T* data;
  int64_t block, count;     // channels of a plane, planes of an image
  int64_t step;             // 16 or 32 (C <= 4: C)
  int64_t of_image, of_line;  // elements

  explicit Planes(const Tensor& t)
      : data(t.as<T>()), block(block_of(t.c())), count(blocks_of(t.c())), step(block_of(t)),
        of_image(stored_elements(1, t.c(), t.h(), t.w(), t.dtype)), of_line(t.h() * t.w() * step) {}

  T* at(int64_t image, int64_t plane) const { return data + image * of_image + plane / side * of_line + plane % side * kBlock; }
};

// The window: rows x cols pixels, every step-th pixel of the image from (top, left), which may lie outside.
struct Halo {
  int64_t top, left, rows, cols, step;
};

// to: [count, block]; from: pixels `step` elements apart.
template <class T>
inline void copy_pixels(const T* from, int64_t count, int64_t step, int64_t block, float* to) {
  if (step == block) {
    const int64_t n = count * block;
    int64_t i = 0;
    for (; i + kBlock <= n; i += kBlock) load(from + i).store(to + i);
    if (i < n) store_part(load_part(from + i, n - i), to + i, n - i);
  } else {
    for (int64_t i = 0; i < count; ++i) store_part(load_part(from + i * step, block), to + i * block, block);
  }
}

// plane: [height, width] pixels of `block` channels, `step` elements apart; to: [rows, cols, block].
template <class T>
inline void copy_halo(const Halo& halo, const T* plane, int64_t step, int64_t height, int64_t width, int64_t block, float* to) {
  // The first column inside, and how many are.
  const int64_t first = halo.left >= 0 ? 0 : least(ceil_div(-halo.left, halo.step), halo.cols);
  const int64_t last = halo.left >= width ? 0 : least(ceil_div(width - halo.left, halo.step), halo.cols);
  const int64_t inside = most(last - first, 0);
  const auto clear = [&](int64_t count) {
    std::memset(to, 0, static_cast<size_t>(count * block) * sizeof(float));
    to += count * block;
  };
  for (int64_t row = 0; row < halo.rows; ++row) {
    const int64_t y = halo.top + row * halo.step;
    if (y < 0 || y >= height || inside == 0) {
      clear(halo.cols);
      continue;
    }
    clear(first);
    copy_pixels(plane + (y * width + halo.left + first * halo.step) * step, inside, halo.step * step, block, to);
    to += inside * block;
    clear(halo.cols - first - inside);
  }
}

}  // namespace ldc::cpu::LDC_ISA::conv2d
