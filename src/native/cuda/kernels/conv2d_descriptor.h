// The effective weight of the descriptive convolutions (method.md, section 1) and its gradient, one (output, input) pair at a time.
#pragma once

#include "../cuda_kernels.h"
#include "../launch.h"

namespace ldc::cuda::LDC_TARGET {

struct EffectiveWeight {
  Descriptor descriptor;
  float constant;
  int64_t taps;             // of one pair
  Global<const float> w;      // [O,I,K,K]
  Global<const float> m;      // [O,I], [O,I,3,3] or null
  Global<const float> theta;  // [1] or null

  // Whether tap t of a 3x3 kernel is one that S sums.
  LDC_DEVICE bool in_sum(int t) const {
    if (descriptor == Descriptor::ldc_cross) return t % 3 == 1 || t / 3 == 1;
    if (descriptor == Descriptor::ldc_diagonal) return t % 2 == 0;
    return true;
  }

  LDC_DEVICE float sum(int64_t pair) const {
    float s = 0;
    for (int t = 0; t < 9; ++t) s += in_sum(t) ? w[pair * taps + t] : 0.0f;
    return s;
  }

  // Whether the effective weight is w but for the centre of each pair, which is centre(pair).
  LDC_DEVICE bool changes_centre() const { return descriptor != Descriptor::vanilla && descriptor != Descriptor::ldc_paper; }
  LDC_DEVICE float centre(int64_t pair) const {
    const float value = w[pair * taps + 4];
    if (descriptor == Descriptor::cdc) return value - constant * sum(pair);
    return value * (1 - theta[0] * m[pair] * sum(pair));
  }
  // Any tap but such a centre.
  LDC_DEVICE float at(int64_t pair, int64_t tap) const {
    const float value = w[pair * taps + tap];
    return descriptor == Descriptor::ldc_paper ? value * ((1 - constant) + constant * m[pair * taps + tap]) : value;
  }

  // Carries the gradient g[taps] of one pair's effective weight on to its part of dw and dm (or null); returns the pair's
  // share of the gradient of theta. Not for vanilla, where dw = g. 3x3 only.
  LDC_DEVICE double gradient(int64_t pair, const float (&g)[9], Global<float> dweight, Global<float> dmask) const {
    const Global<const float> k = w + pair * 9;
    const Global<float> dw = dweight + pair * 9;
    if (descriptor == Descriptor::ldc_paper) {
      for (int t = 0; t < 9; ++t) {
        dw[t] = g[t] * ((1 - constant) + constant * m[pair * 9 + t]);
        if (!(dmask == nullptr)) dmask[pair * 9 + t] = g[t] * k[t] * constant;
      }
      return 0;
    }
    if (descriptor == Descriptor::cdc) {
      for (int t = 0; t < 9; ++t) dw[t] = g[t] - constant * g[4];
      return 0;
    }
    const float strength = theta[0], mask = m[pair], s = sum(pair), through_sum = -g[4] * k[4] * strength * mask;
    for (int t = 0; t < 9; ++t) dw[t] = (t == 4 ? g[4] * (1 - strength * mask * s) : g[t]) + (in_sum(t) ? through_sum : 0.0f);
    if (!(dmask == nullptr)) dmask[pair] = -g[4] * k[4] * strength * s;
    return -static_cast<double>(g[4]) * k[4] * mask * s;
  }
};

inline EffectiveWeight effective_weight(const Conv2d& conv, const Tensor& w, const Tensor& m, const Tensor& theta) {
  return {conv.descriptor, conv.constant, w.shape[2] * w.shape[3], input(w), input(m), input(theta)};
}

}  // namespace ldc::cuda::LDC_TARGET
