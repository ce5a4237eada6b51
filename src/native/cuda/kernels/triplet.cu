// Triplet loss with mining inside the batch (method.md, section 4; Hermans et al., 2017): distances, mining, loss and the
// gradient in one cooperative launch whose blocks meet three times in a grid barrier.
//
// Distances come from the Gram matrix in double: d^2 = (a.a - 2 a.b) + b.b. Equal rows have equal dot products, so their
// distance is exactly 0, and there it has no gradient. Mining writes dL/dd for each anchor's row; from that
// dx_a = sum over j of (dL/ds_aj + dL/ds_ja) 2 (x_a - x_j), s = d^2.
#include "../cuda_kernels.h"
#include "../launch.h"

namespace ldc::cuda::LDC_TARGET {

namespace {

// Smaller violations are rounding: they are not counted and have no gradient.
constexpr double kLeastViolation = 1e-16;

// Few enough to run at the same time on the smallest GPU.
constexpr int64_t kMostBlocks = 16;
constexpr int kWarps = kThreads / kWarp;

struct Batch {
  Global<const float> x;
  Global<const int32_t> labels;
  int64_t n, depth;
  double margin;
  bool hardest, squared;
  Global<double> gram;    // [n,n]
  Global<double> slope;   // [n,n], dL/dd
  Global<double> losses;  // [n]
  Global<double> counts;  // [n]
  Global<float> loss, dx;
};

LDC_DEVICE double distance(const Batch& batch, int64_t a, int64_t b) {
  if (a == b) return 0;
  const int64_t low = a < b ? a : b, high = a < b ? b : a;
  const double square = batch.gram[low * batch.n + low] - 2 * batch.gram[low * batch.n + high] + batch.gram[high * batch.n + high];
  const double clamped = square > 0 ? square : 0;
  return batch.squared ? clamped : sqrt(clamped);
}

// A distance and whose it is, and which of two is the better one: the larger or the smaller, the first where they are equal.
struct Candidate {
  double value;
  int64_t index;
};
LDC_DEVICE Candidate better(Candidate a, Candidate b, bool larger) {
  const bool b_first = a.value == b.value ? b.index < a.index : larger ? b.value > a.value : b.value < a.value;
  return b_first ? b : a;
}
LDC_DEVICE Candidate best_of_warp(Candidate mine, bool larger) {
  for (int mask = kWarp / 2; mask > 0; mask /= 2) {
    const Candidate other = {shuffle_xor(mine.value, mask), shuffle_xor(mine.index, mask)};
    mine = better(mine, other, larger);
  }
  return mine;
}

// Batch-hard, by one warp. The slopes of row a are zero on entry.
LDC_DEVICE void hardest_triplet(const Batch& batch, int64_t a) {
  const int64_t n = batch.n, lane = threadIdx.x % kWarp;
  const int32_t label = batch.labels[a];
  Candidate farthest = {-1, n}, positive = {0, n};  // a positive at distance 0 is none
  for (int64_t j = lane; j < n; j += kWarp) {
    const double d = distance(batch, a, j);
    farthest = better(farthest, {d, j}, true);
    if (batch.labels[j] == label && d > 0) positive = better(positive, {d, j}, true);
  }
  farthest = best_of_warp(farthest, true);
  positive = best_of_warp(positive, true);
  Candidate negative = {INFINITY, n};
  for (int64_t j = lane; j < n; j += kWarp) {
    const double d = distance(batch, a, j), raised = batch.labels[j] == label ? d + farthest.value : d;
    negative = better(negative, {raised, j}, false);
  }
  negative = best_of_warp(negative, false);
  if (lane != 0) return;
  const double violation = positive.value - negative.value + batch.margin;
  batch.counts[a] = 0;
  batch.losses[a] = violation > 0 || violation != violation ? violation : 0;
  if (!(violation > 0)) return;
  const Global<double> row = batch.slope + a * n;
  if (positive.index < n) row[positive.index] += 1;
  row[negative.index] -= 1;
  if (batch.labels[negative.index] == label) row[farthest.index] -= 1;
}

// Batch-all, by one warp: each lane has its own negatives and goes through the positives in order.
LDC_DEVICE void all_triplets(const Batch& batch, int64_t a) {
  const int64_t n = batch.n, lane = threadIdx.x % kWarp;
  const int32_t label = batch.labels[a];
  const Global<double> row = batch.slope + a * n;
  double excess = 0, hits = 0;
  for (int64_t p = 0; p < n; ++p) {
    if (p == a || batch.labels[p] != label) continue;
    const double far = distance(batch, a, p);
    double violated = 0;
    for (int64_t j = lane; j < n; j += kWarp) {
      if (batch.labels[j] == label) continue;
      const double violation = far + (batch.margin - distance(batch, a, j));
      if (!(violation > kLeastViolation)) continue;
      excess += violation;
      hits += 1;
      violated += 1;
      row[j] -= 1;
    }
    violated = warp_sum(violated);
    if (lane == 0) row[p] = violated;
  }
  excess = warp_sum(excess);
  hits = warp_sum(hits);
  if (lane != 0) return;
  batch.losses[a] = excess;
  batch.counts[a] = hits;
}

LDC_KERNEL void LDC_BOUNDS(kThreads, 1) triplet_kernel(Batch batch) {
  LDC_SHARED(double, slots, kWarps);
  const int64_t n = batch.n, lane = threadIdx.x % kWarp;
  const int64_t warp = static_cast<int64_t>(blockIdx.x) * kWarps + threadIdx.x / kWarp, warps = static_cast<int64_t>(gridDim.x) * kWarps;
  for (int64_t pair = warp; pair < n * n; pair += warps) {
    const int64_t a = pair / n, b = pair % n;
    if (b < a) continue;
    const double sum = warp_dot(batch.x + a * batch.depth, batch.x + b * batch.depth, batch.depth);
    if (lane == 0) batch.gram[pair] = sum;
  }
  const int64_t thread = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x, threads = static_cast<int64_t>(gridDim.x) * kThreads;
  for (int64_t i = thread; i < n * n; i += threads) batch.slope[i] = 0;
  sync_grid();

  for (int64_t a = warp; a < n; a += warps) {
    if (batch.hardest) {
      hardest_triplet(batch, a);
    } else {
      all_triplets(batch, a);
    }
  }
  sync_grid();

  // Every block adds up the shares for itself, in the same order.
  double loss = 0, count = 0;
  for (int64_t a = threadIdx.x; a < n; a += kThreads) {
    loss += batch.losses[a];
    count += batch.counts[a];
  }
  loss = block_sum(loss, slots);
  sync_block();
  count = block_sum(count, slots);
  const double terms = batch.hardest ? static_cast<double>(n) : count + 1e-16;
  if (thread == 0) batch.loss[0] = static_cast<float>(loss / terms);
  if (batch.dx == nullptr) return;
  for (int64_t at = thread; at < n * batch.depth; at += threads) {
    const int64_t a = at / batch.depth, i = at % batch.depth;
    const double mine = batch.x[at];
    double sum = 0;
    for (int64_t j = 0; j < n; ++j) {
      const double both = batch.slope[a * n + j] + batch.slope[j * n + a];
      if (both == 0) continue;
      const double d = distance(batch, a, j);
      if (d == 0) continue;
      sum += (batch.squared ? 2 * both : both / d) * (mine - batch.x[j * batch.depth + i]);
    }
    batch.dx[at] = static_cast<float>(sum / terms);
  }
}

}  // namespace

void CudaKernels::triplet(const Tensor& x, const Tensor& labels, float margin, Mining mining, bool squared, const Tensor& loss,
                          const Tensor& dx) {
  const int64_t n = x.shape[0];
  const Scratch<double> gram(memory_, n * n), slope(memory_, n * n), losses(memory_, n), counts(memory_, n);
  Batch batch;
  batch.x = input(x);
  batch.labels = global<const int32_t>(labels.i32());
  batch.n = n;
  batch.depth = x.shape[1];
  batch.margin = margin;
  batch.hardest = mining == Mining::batch_hard;
  batch.squared = squared;
  batch.gram = global(gram.data());
  batch.slope = global(slope.data());
  batch.losses = global(losses.data());
  batch.counts = global(counts.data());
  batch.loss = output(loss);
  batch.dx = output(dx);
  const int64_t wanted = ceil_div(n * n, 2 * kWarps);
  launch_cooperative(stream_, triplet_kernel, wanted < kMostBlocks ? wanted : kMostBlocks, kThreads, batch);
}

}  // namespace ldc::cuda::LDC_TARGET
