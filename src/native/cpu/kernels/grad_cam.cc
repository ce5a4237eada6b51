// Grad-CAM (Selvaraju et al., ICCV 2017): activations weighted by the spatial mean of their gradient, and the range
// normalisation that turns such a map into quasi ground truth (method.md, section 3).
#include "../cpu_kernels.h"
#include "loops.h"
#include "sums.h"

namespace ldc::cpu::LDC_ISA {

void CpuKernels::grad_cam(const Tensor& activation, const Tensor& gradient, const Tensor& raw) {
  const int64_t block = block_of(activation), blocks = blocks_of(activation);
  const int64_t images = activation.n(), pixels = activation.h() * activation.w();
  with_type(activation, [&]<class T>(const T* act) {
    using L = Line<T>;
    auto* weights = static_cast<float*>(scratch_.get(static_cast<size_t>(images * blocks * L::kLanes) * sizeof(float)));
    const T* grad = gradient.as<T>();
    with_lanes<T>(block, nullptr, 0, [&](auto lanes) {
      each_item(pool_, images * blocks, pixels * block,
                [&](int64_t item) { plane_mean(lanes, grad + item * pixels * block, pixels).store(weights + item * L::kLanes); });
      each_item(pool_, images, pixels * blocks * block, [&](int64_t n) {
        for (int64_t p = 0; p < pixels; ++p) {
          L sum = L::zero();
          for (int64_t item = n * blocks; item < (n + 1) * blocks; ++item) {
            sum = fma(L::load(weights + item * L::kLanes), lanes.load(act + (item * pixels + p) * lanes.size()), sum);
          }
          const float value = lane_sum(sum);
          raw.f32()[n * pixels + p] = value < 0 ? 0 : value;
        }
      });
    });
  });
}

void CpuKernels::unit_range(const Tensor& x, const Tensor& y) {
  const int64_t channels = x.c(), block = block_of(channels), blocks = blocks_of(channels), pixels = x.h() * x.w();
  each_item(pool_, x.n(), pixels * blocks * block, [&](int64_t n) {
    const float* in = x.f32() + n * blocks * pixels * block;
    float* out = y.f32() + n * blocks * pixels * block;
    // Visits the elements that exist; padding channels are neither seen nor written.
    const auto each_element = [&](const auto& visit) {
      for (int64_t b = 0; b < blocks; ++b) {
        const int64_t valid = least(block, channels - b * block);
        for (int64_t p = b * pixels; p < (b + 1) * pixels; ++p) {
          for (int64_t c = 0; c < valid; ++c) visit(p * block + c);
        }
      }
    };
    float low = in[0], high = in[0];
    each_element([&](int64_t i) {
      low = in[i] < low ? in[i] : low;
      high = in[i] > high ? in[i] : high;
    });
    const float range = 1e-7f + (high - low);
    if (channels % block != 0) {
      for (int64_t i = 0; i < blocks * pixels * block; ++i) out[i] = 0;
    }
    each_element([&](int64_t i) { out[i] = (in[i] - low) / range; });
  });
}

}  // namespace ldc::cpu::LDC_ISA
