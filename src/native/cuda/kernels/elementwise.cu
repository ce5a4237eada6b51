// Elementwise kernels, four stored elements a thread, channel padding included: every operation here maps zeros to zero, except
// fill, which writes the padding apart. Speed is that of memory.
//
// A NaN passes through relu, so that a diverged network shows it in its loss.
#include "../cuda_kernels.h"
#include "../launch.h"

namespace ldc::cuda::LDC_TARGET {

void CudaKernels::fill(const Tensor& y, float value) {
  const Global<float> out = output(y);
  const int64_t channels = y.layout == Layout::features ? y.c() : 1;
  const int64_t stored = y.layout == Layout::features ? stored_channels(channels) : 1;
  each(stream_, stored_elements(y), [=] LDC_LAMBDA(int64_t i) { out[i] = i % stored < channels ? value : 0.0f; });
}

void CudaKernels::scale(const Tensor& x, float factor, const Tensor& y) {
  const Global<const float> in = input(x);
  const Global<float> out = output(y);
  each_vector(
      stream_, stored_elements(y),
      [=] LDC_LAMBDA(int64_t i) { store4(out + i, map(load4(in + i), [=](float v) { return v * factor; })); },
      [=] LDC_LAMBDA(int64_t i) { out[i] = in[i] * factor; });
}

void CudaKernels::add(const Tensor& a, const Tensor& b, const Tensor& y) {
  const Global<const float> first = input(a), second = input(b);
  const Global<float> out = output(y);
  each_vector(
      stream_, stored_elements(y),
      [=] LDC_LAMBDA(int64_t i) {
        store4(out + i, map(load4(first + i), load4(second + i), [](float u, float v) { return u + v; }));
      },
      [=] LDC_LAMBDA(int64_t i) { out[i] = first[i] + second[i]; });
}

void CudaKernels::accumulate(const Tensor& x, const Tensor& y) {
  const Global<const float> in = input(x);
  const Global<float> out = output(y);
  each_vector(
      stream_, stored_elements(y),
      [=] LDC_LAMBDA(int64_t i) {
        store4(out + i, map(load4(out + i), load4(in + i), [](float u, float v) { return u + v; }));
      },
      [=] LDC_LAMBDA(int64_t i) { out[i] = out[i] + in[i]; });
}

void CudaKernels::multiply(const Tensor& a, const Tensor& b, const Tensor& y) {
  const Global<const float> first = input(a), second = input(b);
  const Global<float> out = output(y);
  each_vector(
      stream_, stored_elements(y),
      [=] LDC_LAMBDA(int64_t i) {
        store4(out + i, map(load4(first + i), load4(second + i), [](float u, float v) { return u * v; }));
      },
      [=] LDC_LAMBDA(int64_t i) { out[i] = first[i] * second[i]; });
}

void CudaKernels::multiply_scalar(const Tensor& x, const Tensor& s, const Tensor& y) {
  const Global<const float> in = input(x), factor = input(s);
  const Global<float> out = output(y);
  each_vector(
      stream_, stored_elements(y),
      [=] LDC_LAMBDA(int64_t i) {
        const float f = factor[0];
        store4(out + i, map(load4(in + i), [=](float v) { return v * f; }));
      },
      [=] LDC_LAMBDA(int64_t i) { out[i] = in[i] * factor[0]; });
}

void CudaKernels::relu_forward(const Tensor& x, const Tensor& y) {
  const Global<const float> in = input(x);
  const Global<float> out = output(y);
  each_vector(
      stream_, stored_elements(y),
      [=] LDC_LAMBDA(int64_t i) { store4(out + i, map(load4(in + i), [](float v) { return v < 0 ? 0.0f : v; })); },
      [=] LDC_LAMBDA(int64_t i) { out[i] = in[i] < 0 ? 0.0f : in[i]; });
}

void CudaKernels::relu_backward(const Tensor& y, const Tensor& dy, const Tensor& dx) {
  const Global<const float> value = input(y), upstream = input(dy);
  const Global<float> out = output(dx);
  each_vector(
      stream_, stored_elements(dx),
      [=] LDC_LAMBDA(int64_t i) {
        store4(out + i, map(load4(value + i), load4(upstream + i), [](float v, float g) { return v > 0 ? g : 0.0f; }));
      },
      [=] LDC_LAMBDA(int64_t i) { out[i] = value[i] > 0 ? upstream[i] : 0.0f; });
}

}  // namespace ldc::cuda::LDC_TARGET
