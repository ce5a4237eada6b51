// Optimisers, over all parameters in one loop: parameters are cut into chunks and the chunks of all of them are shared out,
// so a network of a hundred small tensors costs one start of the pool. State is updated in place; scalars are computed in
// double, elements in float32.
#include <atomic>
#include <cmath>
#include <cstring>

#include "../cpu_kernels.h"
#include "loops.h"

namespace ldc::cpu::LDC_ISA {

namespace {

// Calls body(parameter, begin, end) for every chunk of every parameter.
template <class Body>
void each_chunk(Pool& pool, Scratch& scratch, const TensorList& parameters, const Body& body) {
  // first[k]: how many chunks come before parameter k.
  auto* first = static_cast<int64_t*>(scratch.get(static_cast<size_t>(parameters.count + 1) * sizeof(int64_t)));
  first[0] = 0;
  for (int64_t k = 0; k < parameters.count; ++k) first[k + 1] = first[k] + ceil_div(parameters[k].elements(), kGrain);
  pool.each(first[parameters.count], [&](int64_t chunk, int) {
    int64_t k = 0, end = parameters.count;  // first[k] <= chunk < first[end]
    while (end - k > 1) {
      const int64_t middle = (k + end) / 2;
      (first[middle] <= chunk ? k : end) = middle;
    }
    const int64_t begin = (chunk - first[k]) * kGrain;
    body(k, begin, least(parameters[k].elements(), begin + kGrain));
  });
}

// Whether an update is to be left out.
bool held(const Tensor& finite) { return finite && finite.f32()[0] == 0; }

}  // namespace

void CpuKernels::all_finite(const TensorList& x, const Tensor& finite) {
  std::atomic<bool> all{true};
  each_chunk(pool_, scratch_, x, [&](int64_t k, int64_t begin, int64_t end) {
    constexpr uint32_t kExponent = 0x7f800000;
    uint32_t found = 0;
    for (int64_t i = begin; i < end; ++i) {
      uint32_t bits;
      std::memcpy(&bits, x[k].f32() + i, sizeof bits);
      found |= (bits & kExponent) == kExponent ? 1 : 0;
    }
    if (found != 0) all.store(false, std::memory_order_relaxed);
  });
  finite.f32()[0] = all.load() ? 1.0f : 0.0f;
}

void CpuKernels::adam(const TensorList& p, const TensorList& g, const TensorList& m, const TensorList& v, double lr,
                      double beta1, double beta2, double eps, double weight_decay, double step, const Tensor& finite) {
  if (held(finite)) return;
  const auto broadcast = [](double x) { return Vec::all(static_cast<float>(x)); };
  const Vec keep1 = broadcast(beta1), take1 = broadcast(1 - beta1), keep2 = broadcast(beta2), take2 = broadcast(1 - beta2);
  const Vec rate = broadcast(lr / (1 - std::pow(beta1, step))),
            correction = broadcast(1 / std::sqrt(1 - std::pow(beta2, step)));
  const Vec epsilon = broadcast(eps), decay = broadcast(weight_decay);
  each_chunk(pool_, scratch_, p, [&](int64_t k, int64_t begin, int64_t end) {
    float *weight = p[k].f32(), *first = m[k].f32(), *second = v[k].f32();
    const float* gradient = g[k].f32();
    vectors(WholeLanes{}, begin, end, [&](auto lanes, int64_t i) {
      const Vec w = lanes.load(weight + i), slope = fma(decay, w, lanes.load(gradient + i));
      const Vec mean = fma(keep1, lanes.load(first + i), take1 * slope);
      const Vec square = fma(keep2, lanes.load(second + i), take2 * (slope * slope));
      lanes.store(mean, first + i);
      lanes.store(square, second + i);
      lanes.store(w - rate * mean / fma(sqrt(square), correction, epsilon), weight + i);
    });
  });
}

void CpuKernels::sgd(const TensorList& p, const TensorList& g, const TensorList& buffer, double lr, double momentum,
                     double weight_decay, bool first, const Tensor& finite) {
  if (held(finite)) return;
  const Vec rate = Vec::all(static_cast<float>(-lr)), decay = Vec::all(static_cast<float>(weight_decay));
  const Vec keep = Vec::all(static_cast<float>(momentum));
  each_chunk(pool_, scratch_, p, [&](int64_t k, int64_t begin, int64_t end) {
    float *weight = p[k].f32(), *velocity = buffer[k].f32();
    const float* gradient = g[k].f32();
    vectors(WholeLanes{}, begin, end, [&](auto lanes, int64_t i) {
      const Vec w = lanes.load(weight + i), slope = fma(decay, w, lanes.load(gradient + i));
      const Vec update = first ? slope : fma(keep, lanes.load(velocity + i), slope);
      lanes.store(update, velocity + i);
      lanes.store(fma(rate, update, w), weight + i);
    });
  });
}

}  // namespace ldc::cpu::LDC_ISA
