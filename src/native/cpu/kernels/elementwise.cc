// Elementwise kernels. They walk over stored elements, channel padding included: every operation here maps zeros to zero,
// except fill, which therefore writes the padding apart. Speed is that of memory; nothing is saved for a backward pass.
//
// A NaN passes through relu, so that a diverged network shows it in its loss.
#include "../cpu_kernels.h"
#include "loops.h"

namespace ldc::cpu::LDC_ISA {

void CpuKernels::fill(const Tensor& y, float value) {
  with_type(y, [&]<class T>(T* out) {
    using L = Line<T>;
    if (y.layout != Layout::features || y.c() % block_of(y) == 0) {
      each_vector(pool_, stored_elements(y), out, [=](auto lanes, int64_t i) { lanes.store(L::all(value), out + i); });
      return;
    }
    const int64_t blocks = blocks_of(y), plane = y.h() * y.w() * L::kLanes, channels = y.c();
    each_item(pool_, y.n() * blocks, plane, [=](int64_t item) {
      float values[L::kLanes];
      for (int64_t c = 0; c < L::kLanes; ++c) values[c] = item % blocks * L::kLanes + c < channels ? value : 0.0f;
      const L pixel = L::load(values);
      for (int64_t i = 0; i < plane; i += L::kLanes) store(pixel, out + item * plane + i);
    });
  });
}

// y[i] = op(x[i] ...) over stored elements.
template <class Op, class... X>
static void map(Pool& pool, const Tensor& y, const Op& op, const X&... x) {
  with_type(y, [&]<class T>(T* out) {
    each_vector(pool, stored_elements(y), out, [&](auto lanes, int64_t i) { lanes.store(op(lanes.load(x.template as<const T>() + i)...), out + i); });
  });
}

void CpuKernels::scale(const Tensor& x, float factor, const Tensor& y) {
  map(pool_, y, [=]<class L>(const L& v) { return v * L::all(factor); }, x);
}

void CpuKernels::add(const Tensor& a, const Tensor& b, const Tensor& y) {
  map(pool_, y, [](const auto& u, const auto& v) { return u + v; }, a, b);
}

void CpuKernels::accumulate(const Tensor& x, const Tensor& y) {
  with_type(y, [&]<class T>(T* out) {
    const T* in = x.as<T>();
    each_vector(pool_, stored_elements(y), static_cast<T*>(nullptr),
              [=](auto lanes, int64_t i) { lanes.store(lanes.load(out + i) + lanes.load(in + i), out + i); });
  });
}

void CpuKernels::multiply(const Tensor& a, const Tensor& b, const Tensor& y) {
  map(pool_, y, [](const auto& u, const auto& v) { return u * v; }, a, b);
}

void CpuKernels::multiply_scalar(const Tensor& x, const Tensor& s, const Tensor& y) { scale(x, s.f32()[0], y); }

void CpuKernels::relu_forward(const Tensor& x, const Tensor& y) {
  map(pool_, y, []<class L>(const L& v) { return max(L::zero(), v); }, x);
}

void CpuKernels::relu_backward(const Tensor& y, const Tensor& dy, const Tensor& dx) {
  map(pool_, dx, [](const auto& key, const auto& g) { return where_positive(key, g); }, y, dy);
}

}  // namespace ldc::cpu::LDC_ISA
