// Triplet loss with mining inside the batch (method.md, section 4; Hermans et al., 2017): distances, mining, loss and the
// gradient in one kernel, so no distance matrix ever leaves it.
//
// Distances come from the Gram matrix in double: d^2 = (a.a - 2 a.b) + b.b. Equal rows have equal dot products, so their
// distance is exactly 0, and there it has no gradient. Mining writes dL/dd for each anchor's row; from that
// dx_a = sum over j of (dL/ds_aj + dL/ds_ja) 2 (x_a - x_j), s = d^2. Items are anchors; each writes only its own row.
#include <cmath>

#include "../cpu_kernels.h"
#include "loops.h"
#include "sums.h"

namespace ldc::cpu::LDC_ISA {

namespace {

// Smaller violations are rounding: they are not counted and have no gradient.
constexpr double kLeastViolation = 1e-16;

// What one anchor adds to the loss.
struct Share {
  double loss;
  int64_t count;
};

// distance [n,n]; the upper triangle is computed and mirrored. norms [n].
void pairwise_distances(Pool& pool, const float* x, int64_t n, int64_t depth, bool squared, double* norms,
                        double* distance) {
  each_item(pool, n, depth, [=](int64_t a) { norms[a] = dot(x + a * depth, x + a * depth, depth); });
  each_item(pool, n, n * depth / 2, [=](int64_t a) {
    distance[a * n + a] = 0;
    for (int64_t b = a + 1; b < n; ++b) {
      const double square = norms[a] - 2 * dot(x + a * depth, x + b * depth, depth) + norms[b];
      const double clamped = square > 0 ? square : 0;
      distance[a * n + b] = distance[b * n + a] = squared ? clamped : std::sqrt(clamped);
    }
  });
}

// Batch-hard. d: distances from anchor a; slope: dL/dd times the number of anchors, zero on entry.
Share hardest_triplet(const double* d, const int32_t* labels, int64_t a, int64_t n, double margin, double* slope) {
  int64_t farthest = 0, positive = -1, negative = 0;
  for (int64_t j = 1; j < n; ++j) {
    if (d[j] > d[farthest]) farthest = j;
  }
  double hardest_positive = 0, hardest_negative = INFINITY;
  for (int64_t j = 0; j < n; ++j) {
    const bool same = labels[j] == labels[a];
    if (same && d[j] > hardest_positive) {
      hardest_positive = d[j];
      positive = j;
    }
    const double raised = same ? d[j] + d[farthest] : d[j];
    if (raised < hardest_negative) {
      hardest_negative = raised;
      negative = j;
    }
  }
  const double violation = hardest_positive - hardest_negative + margin;
  if (!(violation > 0)) return {violation != violation ? violation : 0, 0};
  if (positive >= 0) slope[positive] += 1;
  slope[negative] -= 1;
  if (labels[negative] == labels[a]) slope[farthest] -= 1;
  return {violation, 0};
}

// Batch-all. slope: dL/dd times the number of violating triplets, zero on entry. work [3,n].
Share all_triplets(const double* d, const int32_t* labels, int64_t a, int64_t n, double margin, double* slope,
                   double* work) {
  double *limit = work, *excess = work + n, *hits = work + 2 * n;
  for (int64_t j = 0; j < n; ++j) {
    limit[j] = labels[j] == labels[a] ? -INFINITY : margin - d[j];  // positives are never violated as negatives
    excess[j] = hits[j] = 0;
  }
  for (int64_t p = 0; p < n; ++p) {
    if (p == a || labels[p] != labels[a]) continue;
    const double far = d[p];
    int64_t violated = 0;
    for (int64_t j = 0; j < n; ++j) {
      const double violation = far + limit[j];
      const bool hit = violation > kLeastViolation;
      excess[j] += hit ? violation : 0.0;
      hits[j] += hit ? 1.0 : 0.0;
      violated += hit ? 1 : 0;
    }
    slope[p] = static_cast<double>(violated);
  }
  Share share = {0, 0};
  for (int64_t j = 0; j < n; ++j) {
    share.loss += excess[j];
    share.count += static_cast<int64_t>(hits[j]);
    slope[j] -= hits[j];
  }
  return share;
}

// dx_a = factor * sum over j of (weight of (a,j) and (j,a)) (x_a - x_j). sum [depth].
void feature_gradient(const float* x, int64_t n, int64_t depth, int64_t a, bool squared, const double* distance,
                      const double* slope, double factor, double* sum, float* dx) {
  for (int64_t i = 0; i < depth; ++i) sum[i] = 0;
  for (int64_t j = 0; j < n; ++j) {
    const double d = distance[a * n + j], both = slope[a * n + j] + slope[j * n + a];
    if (both == 0 || d == 0) continue;
    const double weight = squared ? 2 * both : both / d;
    for (int64_t i = 0; i < depth; ++i) sum[i] += weight * (static_cast<double>(x[a * depth + i]) - x[j * depth + i]);
  }
  for (int64_t i = 0; i < depth; ++i) dx[a * depth + i] = static_cast<float>(factor * sum[i]);
}

}  // namespace

void CpuKernels::triplet(const Tensor& x, const Tensor& labels, float margin, Mining mining, bool squared,
                         const Tensor& loss, const Tensor& dx) {
  const int64_t n = x.shape[0], depth = x.shape[1], work = most(3 * n, depth);
  auto* distance =
      static_cast<double*>(scratch_.get(static_cast<size_t>(2 * n * n + n + pool_.threads() * work) * sizeof(double) +
                                        static_cast<size_t>(n) * sizeof(Share)));
  double *slope = distance + n * n, *norms = slope + n * n, *works = norms + n;
  auto* shares = reinterpret_cast<Share*>(works + pool_.threads() * work);

  pairwise_distances(pool_, x.f32(), n, depth, squared, norms, distance);
  pool_.each(n, [&](int64_t a, int thread) {
    const double* d = distance + a * n;
    double* row = slope + a * n;
    for (int64_t j = 0; j < n; ++j) row[j] = 0;
    shares[a] = mining == Mining::batch_hard ? hardest_triplet(d, labels.i32(), a, n, margin, row)
                                             : all_triplets(d, labels.i32(), a, n, margin, row, works + thread * work);
  });
  Share total = {0, 0};
  for (int64_t a = 0; a < n; ++a) {
    total.loss += shares[a].loss;
    total.count += shares[a].count;
  }
  const double terms = mining == Mining::batch_hard ? static_cast<double>(n) : static_cast<double>(total.count) + 1e-16;
  loss.f32()[0] = static_cast<float>(total.loss / terms);
  if (!dx) return;
  pool_.each(n, [&](int64_t a, int thread) {
    feature_gradient(x.f32(), n, depth, a, squared, distance, slope, 1 / terms, works + thread * work, dx.f32());
  });
}

}  // namespace ldc::cpu::LDC_ISA
