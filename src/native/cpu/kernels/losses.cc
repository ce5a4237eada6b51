// Losses on logits and maps. Each writes its own gradient beside the loss (upstream 1), so nothing is saved; exponentials
// and sums are in double, rows and chunks are added in order.
#include <cmath>

#include "../cpu_kernels.h"
#include "loops.h"
#include "sums.h"

namespace ldc::cpu::LDC_ISA {

namespace {

// log(sum of exp(x)) of n values; the largest is taken out first, so no exponential overflows.
inline double log_sum_exp(const float* x, int64_t n) {
  double largest = x[0];
  for (int64_t i = 1; i < n; ++i) largest = x[i] > largest ? x[i] : largest;
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += std::exp(x[i] - largest);
  return largest + std::log(sum);
}

}  // namespace

void CpuKernels::log_softmax_forward(const Tensor& x, const Tensor& y) {
  const int64_t classes = x.shape[1];
  each_item(pool_, x.shape[0], classes * 8, [&](int64_t n) {
    const float* in = x.f32() + n * classes;
    const double total = log_sum_exp(in, classes);
    for (int64_t c = 0; c < classes; ++c) y.f32()[n * classes + c] = static_cast<float>(in[c] - total);
  });
}

void CpuKernels::log_softmax_backward(const Tensor& y, const Tensor& dy, const Tensor& dx) {
  const int64_t classes = y.shape[1];
  each_item(pool_, y.shape[0], classes * 8, [&](int64_t n) {
    const float *out = y.f32() + n * classes, *upstream = dy.f32() + n * classes;
    double sum = 0;
    for (int64_t c = 0; c < classes; ++c) sum += upstream[c];
    for (int64_t c = 0; c < classes; ++c) {
      dx.f32()[n * classes + c] = static_cast<float>(upstream[c] - std::exp(static_cast<double>(out[c])) * sum);
    }
  });
}

// A label that is no class makes the loss NaN: the labels lie on the device, where nothing else checks them.
void CpuKernels::cross_entropy(const Tensor& logits, const Tensor& labels, const Tensor& loss, const Tensor& dlogits) {
  const int64_t rows = logits.shape[0], classes = logits.shape[1];
  auto* losses = static_cast<double*>(scratch_.get(static_cast<size_t>(rows) * sizeof(double)));
  each_item(pool_, rows, classes * 8, [&](int64_t n) {
    const float* in = logits.f32() + n * classes;
    const int64_t label = labels.i32()[n];
    const double total = log_sum_exp(in, classes);
    losses[n] = label >= 0 && label < classes ? total - in[label] : NAN;
    if (!dlogits) return;
    for (int64_t c = 0; c < classes; ++c) {
      const double gradient = std::exp(in[c] - total) - (c == label ? 1.0 : 0.0);
      dlogits.f32()[n * classes + c] = static_cast<float>(gradient / static_cast<double>(rows));
    }
  });
  double sum = 0;
  for (int64_t n = 0; n < rows; ++n) sum += losses[n];
  loss.f32()[0] = static_cast<float>(sum / static_cast<double>(rows));
}

// With e = exp(-|z|): the loss is max(z, 0) - z label + log(1 + e), the gradient sigmoid(z) - label, of which the small one of e / (1 + e)
// and 1 / (1 + e) is never made from the large one.
void CpuKernels::bce_with_logits(const Tensor& logits, const Tensor& labels, const Tensor& loss, const Tensor& dlogits) {
  const int64_t rows = logits.elements();
  double sum = 0, counted = 0;
  for (int64_t n = 0; n < rows; ++n) {
    const int32_t label = labels.i32()[n];
    if (label != 0 && label != 1) continue;
    const double z = logits.f32()[n];
    sum += (z > 0 ? z : 0) - z * label + std::log1p(std::exp(-std::fabs(z)));
    counted += 1;
  }
  loss.f32()[0] = static_cast<float>(counted > 0 ? sum / counted : 0);
  if (!dlogits) return;
  for (int64_t n = 0; n < rows; ++n) {
    const int32_t label = labels.i32()[n];
    const double z = logits.f32()[n], e = std::exp(-std::fabs(z));
    const double slope = label == 1 ? -(z > 0 ? e : 1) / (1 + e) : (z > 0 ? 1 : e) / (1 + e);
    dlogits.f32()[n] = label == 0 || label == 1 ? static_cast<float>(slope / counted) : 0.0f;
  }
}

// Padding channels are equal on both sides and add nothing.
void CpuKernels::mse(const Tensor& a, const Tensor& b, const Tensor& loss, const Tensor& da) {
  constexpr int64_t kChunk = kRun * kBlock;
  const int64_t stored = stored_elements(a), chunks = ceil_div(stored, kChunk);
  const double count = static_cast<double>(a.elements());
  const float *pa = a.f32(), *pb = b.f32();
  float* gradient = da.f32();
  const Vec factor = Vec::all(static_cast<float>(2 / count));
  auto* sums = static_cast<double*>(scratch_.get(static_cast<size_t>(chunks) * sizeof(double)));
  each_item(pool_, chunks, kChunk, [&](int64_t chunk) {
    Vec s = Vec::zero();
    vectors(WholeLanes{}, chunk * kChunk, least(stored, (chunk + 1) * kChunk), [&](auto lanes, int64_t i) {
      const Vec d = lanes.load(pa + i) - lanes.load(pb + i);
      if (gradient != nullptr) lanes.store(d * factor, gradient + i);
      s = fma(d, d, s);
    });
    double lanes[kBlock] = {};
    add_lanes(lanes, s);
    for (int i = 1; i < kBlock; ++i) lanes[0] += lanes[i];
    sums[chunk] = lanes[0];
  });
  double sum = 0;
  for (int64_t chunk = 0; chunk < chunks; ++chunk) sum += sums[chunk];
  loss.f32()[0] = static_cast<float>(sum / count);
}

}  // namespace ldc::cpu::LDC_ISA
