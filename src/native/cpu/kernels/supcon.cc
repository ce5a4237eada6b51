// Supervised contrastive loss (Khosla et al., 2020; methods.md, section 3.2) with its gradient, from one matrix of similarities s = x_a.x_j /
// temperature in double. dL/ds_aj = (softmax over j != a - [j positive] / positives) ratio / N overwrites it row by row, and
// dx_a = sum over j of (dL/ds_aj + dL/ds_ja) x_j / temperature. Items are anchors; each writes only its own row.
#include <cmath>

#include "../cpu_kernels.h"
#include "loops.h"
#include "sums.h"

namespace ldc::cpu::LDC_ISA {

namespace {

// The loss of anchor a; s: its similarities, which become its slopes times N / ratio.
double anchor_loss(double* s, const int32_t* labels, int64_t a, int64_t n) {
  double largest = -INFINITY, sum = 0, of_positives = 0;
  int64_t positives = 0;
  for (int64_t j = 0; j < n; ++j) {
    if (j != a && !(s[j] <= largest)) largest = s[j];
  }
  for (int64_t j = 0; j < n; ++j) {
    if (j == a) continue;
    sum += std::exp(s[j] - largest);
    if (labels[j] != labels[a]) continue;
    of_positives += s[j];
    ++positives;
  }
  const double count = static_cast<double>(positives), loss = largest + std::log(sum) - of_positives / count;
  for (int64_t j = 0; j < n; ++j) {
    s[j] = j == a ? 0 : std::exp(s[j] - largest) / sum - (labels[j] == labels[a] ? 1 / count : 0);
  }
  return loss;
}

}  // namespace

void CpuKernels::supcon(const Tensor& x, const Tensor& labels, double temperature, double base_temperature, const Tensor& loss,
                        const Tensor& dx) {
  const int64_t depth = x.shape[x.rank - 1], n = x.elements() / depth;
  const float* in = x.f32();
  auto* slope = static_cast<double*>(scratch_.get(static_cast<size_t>(n * n + n + pool_.threads() * depth) * sizeof(double)));
  double *losses = slope + n * n, *sums = losses + n;
  each_item(pool_, n, n * depth / 2, [&](int64_t a) {
    for (int64_t b = a; b < n; ++b) slope[a * n + b] = slope[b * n + a] = dot(in + a * depth, in + b * depth, depth) / temperature;
  });
  each_item(pool_, n, 16 * n, [&](int64_t a) { losses[a] = anchor_loss(slope + a * n, labels.i32(), a, n); });
  double sum = 0;
  for (int64_t a = 0; a < n; ++a) sum += losses[a];
  const double factor = temperature / base_temperature / static_cast<double>(n);
  loss.f32()[0] = static_cast<float>(factor * sum);
  if (!dx) return;
  pool_.each(n, [&](int64_t a, int thread) {
    double* total = sums + thread * depth;
    for (int64_t i = 0; i < depth; ++i) total[i] = 0;
    for (int64_t j = 0; j < n; ++j) {
      const double both = slope[a * n + j] + slope[j * n + a];
      for (int64_t i = 0; i < depth; ++i) total[i] += both * in[j * depth + i];
    }
    for (int64_t i = 0; i < depth; ++i) dx.f32()[a * depth + i] = static_cast<float>(total[i] * (factor / temperature));
  });
}

}  // namespace ldc::cpu::LDC_ISA
