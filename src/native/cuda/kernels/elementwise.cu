// Elementwise kernels, four stored elements a thread, channel padding included: every operation here maps zeros to zero, except
// fill, which writes the padding apart. Speed is that of memory.
//
// A NaN passes through relu, so that a diverged network shows it in its loss.
#include "../cuda_kernels.h"
#include "../launch.h"

namespace ldc::cuda::LDC_TARGET {

// y[i] = op(x[i] ...) for i < count.
template <class L, class Op, class... X>
LDC_KERNEL void LDC_BOUNDS(kThreads, 1) map_kernel(int64_t count, Features y, Op op, X... x) {
  const L lanes;
  const int64_t i = (static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x) * 4;
  if (i + 4 <= count) {
    lanes.store4(y, i, map4(op, lanes.load4(x, i)...));
  } else {
    for (int64_t j = i; j < count; ++j) lanes.store(y, j, op(lanes.load(x, j)...));
  }
}

// y = op(x ...) over stored elements; y may be one of x.
template <class Op, class... X>
static void map(Stream stream, const Tensor& y, Op op, const X&... x) {
  const int64_t count = stored_elements(y);
  const Grid grid = {ceil_div(count, 4 * kThreads)};
  if (y.dtype == DType::bf16) {
    launch(stream, map_kernel<Lanes<Bf16>, Op, decltype(features(x))...>, grid, kThreads, 0, count, features(y), op, features(x)...);
  } else {
    launch(stream, map_kernel<Lanes<float>, Op, decltype(features(x))...>, grid, kThreads, 0, count, features(y), op, features(x)...);
  }
}

void CudaKernels::fill(const Tensor& y, float value) {
  const Features out = features(y);
  const int64_t channels = y.layout == Layout::features ? y.c() : 1;
  const int64_t stored = y.layout == Layout::features ? stored_channels(y) : 1;
  each(stream_, y.dtype, stored_elements(y),
       [=] LDC_LAMBDA(auto lanes, int64_t i) { lanes.store(out, i, i % stored < channels ? value : 0.0f); });
}

void CudaKernels::scale(const Tensor& x, float factor, const Tensor& y) {
  map(stream_, y, [=] LDC_LAMBDA(float v) { return v * factor; }, x);
}

void CudaKernels::add(const Tensor& a, const Tensor& b, const Tensor& y) {
  map(stream_, y, [] LDC_LAMBDA(float u, float v) { return u + v; }, a, b);
}

void CudaKernels::accumulate(const Tensor& x, const Tensor& y) {
  map(stream_, y, [] LDC_LAMBDA(float u, float v) { return u + v; }, y, x);
}

void CudaKernels::multiply(const Tensor& a, const Tensor& b, const Tensor& y) {
  map(stream_, y, [] LDC_LAMBDA(float u, float v) { return u * v; }, a, b);
}

void CudaKernels::multiply_scalar(const Tensor& x, const Tensor& s, const Tensor& y) {
  const Global<const float> factor = input(s);
  map(stream_, y, [=] LDC_LAMBDA(float v) { return v * factor[0]; }, x);
}

void CudaKernels::relu_forward(const Tensor& x, const Tensor& y) {
  map(stream_, y, [] LDC_LAMBDA(float v) { return v < 0 ? 0.0f : v; }, x);
}

void CudaKernels::relu_backward(const Tensor& y, const Tensor& dy, const Tensor& dx) {
  map(stream_, dx, [] LDC_LAMBDA(float v, float g) { return v > 0 ? g : 0.0f; }, y, dy);
}

}  // namespace ldc::cuda::LDC_TARGET
