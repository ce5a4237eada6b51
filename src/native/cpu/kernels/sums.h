// Sums in a fixed order: short runs in float32 by lane, runs combined in double. The order depends on the shape alone.
#pragma once

#include <cstdint>

#include "loops.h"

namespace ldc::cpu::LDC_ISA {

// Pixels summed in float32 before the sum goes on in double: 16 KB, so a second look at a run finds it in the L1 cache.
constexpr int64_t kRun = 256;

// Accumulators of one run, which hide the latency of the addition.
constexpr int kWays = 4;

// ((lane 0 + lane 8) + (lane 4 + lane 12)) + ...
inline float lane_sum(Vec x) {
  float v[kBlock];
  x.store(v);
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) v[i] += v[i + half];
  }
  return v[0];
}

inline float lane_sum(const Pair& x) { return lane_sum(x.lo + x.hi); }

template <class L>
inline L sum_of_ways(const L (&s)[kWays]) {
  return (s[0] + s[1]) + (s[2] + s[3]);
}

// Sum over the n pixels at p, lane by lane; n <= kRun.
template <class Lanes, class T>
inline typename Lanes::L run_sum(const Lanes& lanes, const T* p, int64_t n) {
  using L = typename Lanes::L;
  L s[kWays] = {L::zero(), L::zero(), L::zero(), L::zero()};
  int64_t i = 0;
  for (; i + kWays <= n; i += kWays) {
    for (int u = 0; u < kWays; ++u) s[u] = s[u] + lanes.load(p + (i + u) * lanes.size());
  }
  for (; i < n; ++i) s[0] = s[0] + lanes.load(p + i * lanes.size());
  return sum_of_ways(s);
}

// total += x, lane by lane.
template <class L>
inline void add_lanes(double (&total)[L::kLanes], const L& x) {
  float v[L::kLanes];
  x.store(v);
  for (int i = 0; i < L::kLanes; ++i) total[i] += static_cast<double>(v[i]);
}

// Mean over the pixels of one (image, channel block) plane, lane by lane.
template <class Lanes, class T>
inline typename Lanes::L plane_mean(const Lanes& lanes, const T* plane, int64_t pixels) {
  using L = typename Lanes::L;
  double total[L::kLanes] = {};
  for (int64_t i = 0; i < pixels; i += kRun) {
    add_lanes(total, run_sum(lanes, plane + i * lanes.size(), least(kRun, pixels - i)));
  }
  float mean[L::kLanes];
  for (int i = 0; i < L::kLanes; ++i) mean[i] = static_cast<float>(total[i] / static_cast<double>(pixels));
  return L::load(mean);
}

// Dot product of two float arrays in double. Products are exact and the order depends on n alone, so equal arrays give
// equal results, whichever of them is a and which b.
inline double dot(const float* a, const float* b, int64_t n) {
  double s[kBlock] = {};
  int64_t i = 0;
  for (; i + kBlock <= n; i += kBlock) {
    for (int u = 0; u < kBlock; ++u) s[u] += static_cast<double>(a[i + u]) * static_cast<double>(b[i + u]);
  }
  for (int u = 0; i + u < n; ++u) s[u] += static_cast<double>(a[i + u]) * static_cast<double>(b[i + u]);
  for (int half = 8; half > 0; half /= 2) {
    for (int u = 0; u < half; ++u) s[u] += s[u + half];
  }
  return s[0];
}

}  // namespace ldc::cpu::LDC_ISA
