// The effective weight of the descriptive convolutions (kernels.h, Descriptor) and its gradient, one (output, input)
// pair at a time.
#pragma once

#include <cstring>

#include "../cpu_kernels.h"
#include "loops.h"

namespace ldc::cpu::LDC_ISA::conv2d {

struct EffectiveWeight {
  Descriptor descriptor;
  float constant;
  int64_t taps;        // of one pair
  const float* w;      // [O,I,K,K]
  const float* m;      // [O,I], [O,I,3,3] or null
  float theta;

  EffectiveWeight(const Conv2d& conv, const Tensor& weight, const Tensor& mask, const Tensor& strength)
      : descriptor(conv.descriptor),
        constant(conv.constant),
        taps(weight.shape[2] * weight.shape[3]),
        w(weight.f32()),
        m(mask.f32()),
        theta(strength ? strength.f32()[0] : 0.0f) {}

  // Whether tap t of a 3x3 kernel is one that S sums.
  bool in_sum(int t) const {
    switch (descriptor) {
      case Descriptor::ldc_cross: return t % 3 == 1 || t / 3 == 1;
      case Descriptor::ldc_diagonal: return t % 2 == 0;
      default: return true;
    }
  }

  float sum(int64_t pair) const {
    const float* k = w + pair * taps;
    float s = 0;
    for (int t = 0; t < 9; ++t) s += in_sum(t) ? k[t] : 0.0f;
    return s;
  }

  float at(int64_t pair, int64_t tap) const {
    const float value = w[pair * taps + tap];
    switch (descriptor) {
      case Descriptor::vanilla: return value;
      case Descriptor::ldc_paper: return value * ((1 - constant) + constant * m[pair * taps + tap]);
      case Descriptor::cdc: return tap == 4 ? value - constant * sum(pair) : value;
      default: return tap == 4 ? value * (1 - theta * m[pair] * sum(pair)) : value;
    }
  }

  // All nine taps of 16 pairs, `step` pairs apart, a pair in each lane.
  void nine(int64_t pair, int64_t step, Vec (&taps)[9]) const {
    nine_of(w + pair * 9, step * 9, taps);
    if (descriptor == Descriptor::vanilla) return;
    if (descriptor == Descriptor::ldc_paper) {
      Vec mask[9];
      nine_of(m + pair * 9, step * 9, mask);
      for (int t = 0; t < 9; ++t) taps[t] = taps[t] * (Vec::all(1 - constant) + Vec::all(constant) * mask[t]);
      return;
    }
    Vec s = Vec::zero();
    for (int t = 0; t < 9; ++t) {
      if (in_sum(t)) s = s + taps[t];
    }
    if (descriptor == Descriptor::cdc) {
      taps[4] = taps[4] - Vec::all(constant) * s;
      return;
    }
    float mask[kBlock];
    for (int64_t lane = 0; lane < kBlock; ++lane) mask[lane] = m[pair + lane * step];
    taps[4] = taps[4] * (Vec::all(1) - Vec::all(theta) * Vec::load(mask) * s);
  }

  static void nine_of(const float* p, int64_t step, Vec (&taps)[9]) {
    Vec rows[kBlock];
    for (int64_t lane = 0; lane < kBlock; ++lane) rows[lane] = load_part(p + lane * step, 9);
    transpose(rows);
    for (int t = 0; t < 9; ++t) taps[t] = rows[t];
  }

  // All taps of `count` pairs in a row.
  void row(int64_t pair, int64_t count, float* to) const {
    std::memcpy(to, w + pair * taps, static_cast<size_t>(count * taps) * sizeof(float));
    if (descriptor == Descriptor::vanilla) return;
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t t = 0; t < 9; ++t) {
        if (t == 4 || descriptor == Descriptor::ldc_paper) to[i * 9 + t] = at(pair + i, t);
      }
    }
  }

  // Carries the gradient g[taps] of one pair's effective weight on to its part of dw and dm (or none); returns the pair's
  // share of the gradient of theta.
  double gradient(int64_t pair, const float* g, const Tensor& dweight, const Tensor& dmask) const {
    float* dw = dweight.f32() + pair * taps;
    float* dm = !dmask ? nullptr : dmask.f32() + (descriptor == Descriptor::ldc_paper ? pair * taps : pair);
    const float* k = w + pair * taps;
    if (descriptor == Descriptor::vanilla) {
      for (int64_t t = 0; t < taps; ++t) dw[t] = g[t];
      return 0;
    }
    if (descriptor == Descriptor::ldc_paper) {
      for (int64_t t = 0; t < taps; ++t) {
        dw[t] = g[t] * ((1 - constant) + constant * m[pair * taps + t]);
        if (dm != nullptr) dm[t] = g[t] * k[t] * constant;
      }
      return 0;
    }
    if (descriptor == Descriptor::cdc) {
      for (int t = 0; t < 9; ++t) dw[t] = g[t] - constant * g[4];
      return 0;
    }
    const float s = sum(pair), through_sum = -g[4] * k[4] * theta * m[pair];
    for (int t = 0; t < 9; ++t) {
      dw[t] = (t == 4 ? g[4] * (1 - theta * m[pair] * s) : g[t]) + (in_sum(t) ? through_sum : 0.0f);
    }
    if (dm != nullptr) dm[0] = -g[4] * k[4] * theta * s;
    return -static_cast<double>(g[4]) * k[4] * m[pair] * s;
  }
};

// The gradient of theta from the shares of the output channels, in order.
inline void write_theta(const double* shares, int64_t outputs, const Tensor& dtheta) {
  double sum = 0;
  for (int64_t o = 0; o < outputs; ++o) sum += shares[o];
  dtheta.f32()[0] = static_cast<float>(sum);
}

}  // namespace ldc::cpu::LDC_ISA::conv2d
