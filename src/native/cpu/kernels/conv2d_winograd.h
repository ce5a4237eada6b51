// Winograd convolution F(4x4,3x3) for 3x3 kernels of stride 1 and padding 1 whose channels fill whole blocks.
#pragma once

#include "../cpu_kernels.h"
#include "conv2d_descriptor.h"
#include "conv2d_halo.h"
#include "conv2d_winograd_transform.h"

namespace ldc::cpu::LDC_ISA::conv2d {

// Whether Winograd computes a convolution; the one place that says so. Automatic choice leaves narrow layers, where the
// transforms cost what the products save, and images that fill their 4x4 tiles badly to the direct algorithm.
bool uses_winograd(const Conv2d& conv, int64_t out_channels, int64_t in_channels, int64_t kernel);

int64_t winograd_packed_elements(int64_t out_channels, int64_t in_channels);
void winograd_pack(Pool& pool, ConvPass pass, const EffectiveWeight& weight, int64_t out_channels, int64_t in_channels,
                   float* packed);
// y from x, or dx from dy: the data gradient is the same convolution with the kernel turned round. bias or null.
void winograd_run(Pool& pool, Scratch& scratch, const Tensor& from, const float* packed, const float* bias,
                  const Tensor& to);
void winograd_weight_grad(Pool& pool, Scratch& scratch, const Tensor& x, const Tensor& dy, const EffectiveWeight& weight,
                          const Tensor& dw, const Tensor& dm, const Tensor& dtheta);

// Floats from the matrix of one point to that of the next, each of `elements`. The odd number of cache lines keeps the 36
// loads or stores of a transform, one to each matrix, from meeting in the same cache sets.
inline int64_t matrix_stride(int64_t elements) { return (elements / kBlock | 1) * kBlock; }

// The 4x4 output tiles of a tensor, numbered over images, rows and columns.
struct TileGrid {
  int64_t rows, cols;  // of one image
  explicit TileGrid(const Tensor& t)
      : rows((t.h() + kTileOutput - 1) / kTileOutput), cols((t.w() + kTileOutput - 1) / kTileOutput) {}
  int64_t count(int64_t images) const { return images * rows * cols; }
};

struct TilePlace {
  int32_t image, y, x;  // of the first output pixel
};

inline TilePlace tile_place(const TileGrid& grid, int64_t tile) {
  const int64_t row = tile / grid.cols;
  return {static_cast<int32_t>(row / grid.rows), static_cast<int32_t>(row % grid.rows * kTileOutput),
          static_cast<int32_t>(tile % grid.cols * kTileOutput)};
}

// B' d B of one tile and one channel block; the 36 values go to v, `stride` floats apart.
inline void transform_input(const Tensor& x, int64_t block, const TilePlace& place, float* v, int64_t stride) {
  const int64_t top = place.y - 1, left = place.x - 1;
  const float* plane = x.f32() + (place.image * blocks_of(x.c()) + block) * x.h() * x.w() * kBlock;
  if (top >= 0 && left >= 0 && top + kTileInput <= x.h() && left + kTileInput <= x.w()) {
    transform_square<InputTransform>(plane + (top * x.w() + left) * kBlock, x.w() * kBlock, kBlock, v, 6 * stride, stride);
    return;
  }
  float inside[kTilePoints * kBlock];
  copy_halo({top, left, kTileInput, kTileInput, 1}, plane, x.h(), x.w(), kBlock, inside);
  transform_square<InputTransform>(inside, kTileInput * kBlock, kBlock, v, 6 * stride, stride);
}

}  // namespace ldc::cpu::LDC_ISA::conv2d
