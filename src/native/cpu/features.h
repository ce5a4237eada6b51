// How the CPU lays out activations: [N, blocks, H, W, B] with B channels side by side. Logical [N,C,H,W].
//
// A pixel of a block is one cache line, on every instruction set, so that each vector lane sees the same operations whatever the
// machine is: B is 16 in float32 (and in the bytes of max pooling), 32 in bf16. Images and maps (C <= 4) are not padded: B = C,
// which is NHWC for a picture.
#pragma once

#include "../tensor.h"

namespace ldc::cpu {

constexpr int64_t kBlock = 16;

constexpr int64_t block_of(int64_t channels, DType type = DType::f32) {
  return channels <= 4 ? channels : type == DType::bf16 ? 2 * kBlock : kBlock;
}
constexpr int64_t blocks_of(int64_t channels, DType type = DType::f32) {
  return (channels + block_of(channels, type) - 1) / block_of(channels, type);
}
inline int64_t block_of(const Tensor& t) { return block_of(t.c(), t.dtype); }
inline int64_t blocks_of(const Tensor& t) { return blocks_of(t.c(), t.dtype); }

// Elements in memory, channel padding included.
constexpr int64_t stored_elements(int64_t n, int64_t c, int64_t h, int64_t w, DType type = DType::f32) {
  return n * blocks_of(c, type) * block_of(c, type) * h * w;
}
inline int64_t stored_elements(const Tensor& t) {
  return t.layout == Layout::features ? stored_elements(t.n(), t.c(), t.h(), t.w(), t.dtype) : t.elements();
}

}  // namespace ldc::cpu
