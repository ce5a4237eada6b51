// Winograd convolution, F(4x4,3x3) or F(2x2,3x3), for 3x3 kernels of stride 1 and padding 1 whose channels fill whole blocks.
#pragma once

#include "../cpu_kernels.h"
#include "conv2d_descriptor.h"
#include "conv2d_halo.h"
#include "conv2d_winograd_transform.h"

namespace ldc::cpu::LDC_ISA::conv2d {

// How a convolution is computed; the one place that says so is method_of.
enum class Method { direct, f2, f4 };
Method method_of(const Conv2d& conv, int64_t out_channels, int64_t in_channels, int64_t kernel);

// Calls body(F2{}) or body(F4{}).
template <class Body>
inline void with_transforms(Method method, const Body& body) {
  if (method == Method::f2) {
    body(F2{});
  } else {
    body(F4{});
  }
}

int64_t winograd_packed_elements(Method method, DType type, int64_t out_channels, int64_t in_channels, ConvPass pass);
void winograd_pack(Pool& pool, Scratch& scratch, Method method, DType type, ConvPass pass, const EffectiveWeight& weight,
                   int64_t out_channels, int64_t in_channels, float* packed);
// y from x, or dx from dy: the data gradient is the same convolution with the kernel turned round. bias or null.
void winograd_run(Pool& pool, Scratch& scratch, Method method, const Tensor& from, const float* packed, const float* bias,
                  const Tensor& to);
void winograd_weight_grad(Pool& pool, Scratch& scratch, Method method, const Tensor& x, const Tensor& dy,
                          const EffectiveWeight& weight, const Tensor& dw, const Tensor& dm, const Tensor& dtheta);

// Floats from the matrix of one point to that of the next, each of `elements`. The odd number of cache lines keeps the loads
// or stores of a transform, one to each matrix, from meeting in the same cache sets.
inline int64_t matrix_stride(int64_t elements) { return (elements / kBlock | 1) * kBlock; }

// The output tiles of a tensor, numbered over images, rows and columns.
template <class F>
struct TileGrid {
  int64_t rows, cols;  // of one image
  explicit TileGrid(const Tensor& t) : rows(ceil_div(t.h(), F::output)), cols(ceil_div(t.w(), F::output)) {}
  int64_t count(int64_t images) const { return images * rows * cols; }
};

struct TilePlace {
  int32_t image, y, x;  // of the first output pixel
};

template <class F>
inline TilePlace tile_place(const TileGrid<F>& grid, int64_t tile) {
  const int64_t row = tile / grid.cols;
  return {static_cast<int32_t>(row / grid.rows), static_cast<int32_t>(row % grid.rows * F::output),
          static_cast<int32_t>(tile % grid.cols * F::output)};
}

// B' d B of one tile and one channel block; the values of its points go to v, `stride` floats apart.
template <class F, class T>
inline void transform_input(const Tensor& x, const Planes<T>& planes, int64_t block, const TilePlace& place, float* v, int64_t stride) {
  using Transform = typename F::InputTransform;
  const int64_t top = place.y - 1, left = place.x - 1;
  const T* plane = planes.at(place.image, block);
  if (top >= 0 && left >= 0 && top + F::input <= x.h() && left + F::input <= x.w()) {
    const T* from = plane + (top * x.w() + left) * planes.step;
    transform_square<Transform>(from, x.w() * planes.step, planes.step, v, F::input * stride, stride);
    return;
  }
  float inside[F::points * kBlock];
  copy_halo({top, left, F::input, F::input, 1}, plane, planes.step, x.h(), x.w(), kBlock, inside);
  transform_square<Transform>(inside, F::input * kBlock, kBlock, v, F::input * stride, stride);
}

}  // namespace ldc::cpu::LDC_ISA::conv2d
