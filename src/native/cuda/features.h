// How CUDA lays out activations: NHWC, [N, H, W, S] with the S >= C channels of a pixel side by side. Logical [N,C,H,W].
//
// S is C rounded up to 8 (4 for images and maps, C <= 4), so that a pixel is a whole number of 16-byte vectors: loads of a
// convolution's rows, copies to shared memory and elementwise kernels never need a partial vector.
#pragma once

#include "../tensor.h"

namespace ldc::cuda {

constexpr int64_t stored_channels(int64_t channels) { return channels <= 4 ? 4 : (channels + 7) / 8 * 8; }

// Elements in memory, channel padding included.
constexpr int64_t stored_elements(int64_t n, int64_t c, int64_t h, int64_t w) { return n * h * w * stored_channels(c); }
inline int64_t stored_elements(const Tensor& t) {
  return t.layout == Layout::features ? stored_elements(t.n(), t.c(), t.h(), t.w()) : t.elements();
}

}  // namespace ldc::cuda
