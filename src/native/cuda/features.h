// How CUDA lays out activations: NHWC, [N, H, W, S] with the S >= C channels of a pixel side by side. Logical [N,C,H,W].
//
// S is C rounded up to 8 (4 for images and maps in float32, C <= 4), so that a pixel is a whole number of 16-byte vectors: loads of a
// convolution's rows, copies to shared memory and elementwise kernels never need a partial vector.
#pragma once

#include "../tensor.h"

namespace ldc::cuda {

constexpr int64_t stored_channels(int64_t channels, DType type) {
  return channels <= 4 && type == DType::f32 ? 4 : (channels + 7) / 8 * 8;
}
inline int64_t stored_channels(const Tensor& t) { return stored_channels(t.c(), t.dtype); }

// Elements in memory, channel padding included.
inline int64_t stored_elements(const Tensor& t) {
  return t.layout == Layout::features ? t.n() * t.h() * t.w() * stored_channels(t) : t.elements();
}

}  // namespace ldc::cuda
