// How the CPU lays out activations: [N, blocks, H, W, B] with B channels side by side. Logical [N,C,H,W].
//
// B is 16, one cache line a pixel, on every instruction set, so that each vector lane sees the same operations whatever
// the machine is. Images and maps (C <= 4) are not padded: B = C, which is NHWC for a picture.
#pragma once

#include "../tensor.h"

namespace ldc::cpu {

constexpr int64_t kBlock = 16;

constexpr int64_t block_of(int64_t channels) { return channels <= 4 ? channels : kBlock; }
constexpr int64_t blocks_of(int64_t channels) { return (channels + block_of(channels) - 1) / block_of(channels); }

// Elements in memory, channel padding included.
constexpr int64_t stored_elements(int64_t n, int64_t c, int64_t h, int64_t w) {
  return n * blocks_of(c) * block_of(c) * h * w;
}
inline int64_t stored_elements(const Tensor& t) {
  return t.layout == Layout::features ? stored_elements(t.n(), t.c(), t.h(), t.w()) : t.elements();
}

}  // namespace ldc::cpu
