// Elementwise kernels. They walk over stored elements, channel padding included: every operation here maps zeros to zero,
// except fill, which therefore writes the padding apart. Speed is that of memory; nothing is saved for a backward pass.
//
// A NaN passes through relu, so that a diverged network shows it in its loss.
#include "../cpu_kernels.h"
#include "loops.h"

namespace ldc::cpu::LDC_ISA {

void CpuKernels::fill(const Tensor& y, float value) {
  float* out = y.f32();
  if (y.layout != Layout::features || y.c() % block_of(y.c()) == 0) {
    each_vector(pool_, stored_elements(y), out, [=](auto lanes, int64_t i) { lanes.store(Vec::all(value), out + i); });
    return;
  }
  const int64_t blocks = blocks_of(y.c()), plane = y.h() * y.w() * kBlock, channels = y.c();
  each_item(pool_, y.n() * blocks, plane, [=](int64_t item) {
    float lanes[kBlock];
    for (int64_t c = 0; c < kBlock; ++c) lanes[c] = item % blocks * kBlock + c < channels ? value : 0.0f;
    const Vec pixel = Vec::load(lanes);
    for (int64_t i = 0; i < plane; i += kBlock) pixel.store(out + item * plane + i);
  });
}

void CpuKernels::scale(const Tensor& x, float factor, const Tensor& y) {
  const float* in = x.f32();
  float* out = y.f32();
  const Vec f = Vec::all(factor);
  each_vector(pool_, stored_elements(y), out, [=](auto lanes, int64_t i) { lanes.store(lanes.load(in + i) * f, out + i); });
}

void CpuKernels::add(const Tensor& a, const Tensor& b, const Tensor& y) {
  const float *pa = a.f32(), *pb = b.f32();
  float* out = y.f32();
  each_vector(pool_, stored_elements(y), out,
              [=](auto lanes, int64_t i) { lanes.store(lanes.load(pa + i) + lanes.load(pb + i), out + i); });
}

void CpuKernels::accumulate(const Tensor& x, const Tensor& y) {
  const float* in = x.f32();
  float* out = y.f32();
  each_vector(pool_, stored_elements(y), nullptr,
              [=](auto lanes, int64_t i) { lanes.store(lanes.load(out + i) + lanes.load(in + i), out + i); });
}

void CpuKernels::multiply(const Tensor& a, const Tensor& b, const Tensor& y) {
  const float *pa = a.f32(), *pb = b.f32();
  float* out = y.f32();
  each_vector(pool_, stored_elements(y), out,
              [=](auto lanes, int64_t i) { lanes.store(lanes.load(pa + i) * lanes.load(pb + i), out + i); });
}

void CpuKernels::multiply_scalar(const Tensor& x, const Tensor& s, const Tensor& y) { scale(x, s.f32()[0], y); }

void CpuKernels::relu_forward(const Tensor& x, const Tensor& y) {
  const float* in = x.f32();
  float* out = y.f32();
  each_vector(pool_, stored_elements(y), out,
              [=](auto lanes, int64_t i) { lanes.store(max(Vec::zero(), lanes.load(in + i)), out + i); });
}

void CpuKernels::relu_backward(const Tensor& y, const Tensor& dy, const Tensor& dx) {
  const float *py = y.f32(), *pdy = dy.f32();
  float* out = dx.f32();
  each_vector(pool_, stored_elements(dx), out,
              [=](auto lanes, int64_t i) { lanes.store(where_positive(lanes.load(py + i), lanes.load(pdy + i)), out + i); });
}

}  // namespace ldc::cpu::LDC_ISA
