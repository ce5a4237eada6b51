// The gradient of a convolution's weight: C[M,N] = A[M,K] B[K,N] with M the output channels, N all (tap, input channel) pairs and
// K the output pixels; rows of A are pixels of dy, rows of B the pixels of x under a tap.
//
// K is long and M x N small, so K is cut into parts, one block a part and tile of kM x 128; a second launch adds the parts in order and
// carries the gradient on to w, m and theta (conv2d_descriptor.h). The cut depends on the shape alone, never on the GPU. Both tiles keep
// K as rows: no transposition, and the padding of 8 elements makes the column reads of mma.sync fragments free of bank conflicts.
//
// kM is 128 on GPUs of compute capability 9.0, whose tensor cores outrun what shared memory gives to 64; the bits are the same. They
// have warp-group MMA, but that wants one operand in shared memory with its pixels side by side: the copy that would turn it
// costs as much as mma.sync loses (docs/cuda.md).
#include "conv2d_descriptor.h"
#include "conv2d_gather.h"

#include <type_traits>

namespace ldc::cuda::LDC_TARGET {

namespace {

constexpr int kNarrow = 64, kWide = 128;  // kM
constexpr int kN = 128, kStages = 3, kTileThreads = 128;
// Pixels of a step, words of a row of so many elements and of a stage: 16 pixels of float, 32 of bf16, in as many words.
template <class T>
constexpr int kK = 64 / static_cast<int>(sizeof(T));
template <int kElements, class T>
constexpr int kRow = (kElements + 8) * static_cast<int>(sizeof(T)) / 4;
template <int kM, class T>
constexpr int kStage = kK<T> * (kRow<kM, T> + kRow<kN, T>);
template <class T>
constexpr int kStepB = kTileThreads / (kN / kVector<T>);  // threads that share a column of B: pixels from one of a thread to its next
constexpr int64_t kWantedBlocks = 512, kLeastPixels = 256, kMostParts = 256;

// A pixel of y as a place in x, under a tap: what it moves by, in lines, columns and elements of x.
struct Move {
  int lines, columns;
  int64_t elements;
};

struct GradShape {
  ConvShape conv;  // the forward convolution: in = x, out = dy
  int columns;     // N: kernel * kernel * in_c
  int64_t pixels;  // K
  int64_t part_pixels, parts;
  Move row, step;                  // from a thread's pixel of B to its next, and from a step of K to the next
  int64_t line_end, image_end;     // elements of x from behind a line of y to the next, and from behind an image
};

// Copies kK pixels of both operands to a stage, and moves on to the next kK. Where a pixel lies is carried along: the divisions that would
// find it again take longer than its products.
template <int kM, class T>
class Loader {
 public:
  static constexpr int kGroupsA = kM / kVector<T>, kGroupsB = kN / kVector<T>;  // of 16 bytes in a row
  static constexpr int kStepA = kTileThreads / kGroupsA, kRowsA = kK<T> / kStepA, kRowsB = kK<T> / kStepB<T>;

  // Begins with pixel `begin` of a part that ends before `end`.
  LDC_DEVICE Loader(const GradShape& shape, Global<const T> x, Global<const T> dy, int64_t begin, int64_t end)
      : shape_(shape), row_a_(static_cast<int>(threadIdx.x) / kGroupsA), row_b_(static_cast<int>(threadIdx.x) / kGroupsB),
        group_a_(static_cast<int>(threadIdx.x) % kGroupsA), group_b_(static_cast<int>(threadIdx.x) % kGroupsB),
        left_(static_cast<int>(end - begin)) {
    const ConvShape& s = shape.conv;
    const int m = static_cast<int>(blockIdx.x) * kM + group_a_ * kVector<T>, n = static_cast<int>(blockIdx.y) * kN + group_b_ * kVector<T>;
    const int tap = n / s.in_c;
    in_m_ = m < s.out_c;
    in_n_ = n < shape.columns;
    a_ = dy + ((begin + row_a_) * s.out_c + m);
    const int down = tap / s.kernel - s.padding, across = tap % s.kernel - s.padding;
    line_end_ = s.out_h * s.stride + down;
    column_end_ = s.out_w * s.stride + across;
    const int64_t pixel = begin + row_b_, lines = pixel / s.out_w, image = lines / s.out_h;
    line_[0] = static_cast<int>(lines % s.out_h) * s.stride + down;
    column_[0] = static_cast<int>(pixel % s.out_w) * s.stride + across;
    b_[0] = x + (((image * s.in_h + line_[0]) * s.in_w + column_[0]) * s.in_c + n % s.in_c);
#pragma unroll
    for (int i = 1; i < kRowsB; ++i) {
      line_[i] = line_[i - 1];
      column_[i] = column_[i - 1];
      b_[i] = b_[i - 1];
      move(i, shape.row);
    }
  }

  LDC_DEVICE void load(Shared<float> stage) {
    const ConvShape& s = shape_.conv;
#pragma unroll
    for (int i = 0; i < kRowsA; ++i) {
      const int k = row_a_ + i * kStepA;
      copy_async(stage + (k * kRow<kM, T> + 4 * group_a_), a_ + i * kStepA * s.out_c, in_m_ && k < left_);
    }
    a_ = a_ + kK<T> * s.out_c;
#pragma unroll
    for (int i = 0; i < kRowsB; ++i) {
      const int k = row_b_ + i * kStepB<T>;
      const bool there = in_n_ && k < left_ && line_[i] >= 0 && line_[i] < s.in_h && column_[i] >= 0 && column_[i] < s.in_w;
      copy_async(stage + (kK<T> * kRow<kM, T> + k * kRow<kN, T> + 4 * group_b_), b_[i], there);
      move(i, shape_.step);
    }
    left_ -= kK<T>;
  }

 private:
  LDC_DEVICE void move(int i, const Move& by) {
    line_[i] += by.lines;
    column_[i] += by.columns;
    b_[i] = b_[i] + by.elements;
    if (column_[i] >= column_end_) {
      column_[i] -= shape_.conv.out_w * shape_.conv.stride;
      line_[i] += shape_.conv.stride;
      b_[i] = b_[i] + shape_.line_end;
    }
    while (line_[i] >= line_end_) {
      line_[i] -= shape_.conv.out_h * shape_.conv.stride;
      b_[i] = b_[i] + shape_.image_end;
    }
  }

  const GradShape& shape_;
  const int row_a_, row_b_, group_a_, group_b_;
  int left_;  // pixels of the part
  bool in_m_, in_n_;
  int line_end_, column_end_;
  Global<const T> a_, b_[kRowsB];
  int line_[kRowsB], column_[kRowsB];
};

// Eight by eight results a thread, by FMA: rows 4 ty .. and 32 + 4 ty .., columns 4 tx .. and 64 + 4 tx ...
class FmaTile {
 public:
  using Stored = float;
  static constexpr int kM = kNarrow;

  LDC_DEVICE FmaTile() : tx_(static_cast<int>(threadIdx.x) % 16 * 4), ty_(static_cast<int>(threadIdx.x) / 16 * 4) {
#pragma unroll
    for (int i = 0; i < 8; ++i) {
#pragma unroll
      for (int j = 0; j < 8; ++j) sum_[i][j] = 0;
    }
  }

  LDC_DEVICE void multiply(Shared<float> stage) {
#pragma unroll
    for (int k = 0; k < kK<float>; ++k) {
      const Shared<float> a = stage + k * kRow<kM, float>, b = stage + (kK<float> * kRow<kM, float> + k * kRow<kN, float>);
      const Float4 a0 = load4(a + ty_), a1 = load4(a + (32 + ty_)), b0 = load4(b + tx_), b1 = load4(b + (64 + tx_));
      const float rows[8] = {a0.x, a0.y, a0.z, a0.w, a1.x, a1.y, a1.z, a1.w};
      const float columns[8] = {b0.x, b0.y, b0.z, b0.w, b1.x, b1.y, b1.z, b1.w};
#pragma unroll
      for (int i = 0; i < 8; ++i) {
#pragma unroll
        for (int j = 0; j < 8; ++j) sum_[i][j] = fmaf(rows[i], columns[j], sum_[i][j]);
      }
    }
  }

  LDC_DEVICE void write(const GradShape& shape, Global<float> part) const {
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      const int64_t m = static_cast<int64_t>(blockIdx.x) * kM + i / 4 * 32 + ty_ + i % 4;
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int n = static_cast<int>(blockIdx.y) * kN + half * 64 + tx_;
        if (m >= shape.conv.out_c || n >= shape.columns) continue;
        const float* s = sum_[i] + 4 * half;
        store4(part + (m * shape.columns + n), {s[0], s[1], s[2], s[3]});
      }
    }
  }

 private:
  const int tx_, ty_;
  float sum_[8][8];
};

// kM / 2 x 64 results a warp, by tensor core: two warps down, two across; fragments of 16 x 8.
template <int kRows, class T>
class MmaTile {
 public:
  using Stored = T;
  static constexpr int kM = kRows, kFragments = kM / 32;  // fragments down

  LDC_DEVICE MmaTile()
      : lane_(static_cast<int>(threadIdx.x) % kWarp), group_(lane_ / 4), in_group_(lane_ % 4),
        row_(static_cast<int>(threadIdx.x) / kWarp % 2 * (kM / 2)), column_(static_cast<int>(threadIdx.x) / kWarp / 2 * 64) {
#pragma unroll
    for (int i = 0; i < kFragments; ++i) {
#pragma unroll
      for (int j = 0; j < 8; ++j) {
#pragma unroll
        for (int e = 0; e < 4; ++e) sum_[i][j][e] = 0;
      }
    }
  }

  LDC_DEVICE void multiply(Shared<float> stage) {
    if constexpr (std::is_same_v<T, Bf16>) {
      // Pixels are rows and K: read by columns, two of them make a word.
#pragma unroll
      for (int k = 0; k < kK<T>; k += 16) {
        uint32_t a[kFragments][4];
#pragma unroll
        for (int i = 0; i < kFragments; ++i) {
          // Matrices: K 0-7 of rows 0-7 and 8-15 of the result, then K 8-15.
          load_transposed(a[i], stage + ((k + lane_ / 16 * 8 + lane_ % 8) * kRow<kM, T> + (row_ + 16 * i + lane_ / 8 % 2 * 8) / 2));
        }
#pragma unroll
        for (int j = 0; j < 8; j += 2) {
          // Matrices: K 0-7 and 8-15 of columns 0-7 of the result, then of columns 8-15.
          uint32_t r[4];
          load_transposed(r, stage + (kK<T> * kRow<kM, T> + (k + lane_ % 16) * kRow<kN, T> + (column_ + 8 * j + lane_ / 16 * 8) / 2));
          const uint32_t left[2] = {r[0], r[1]}, right[2] = {r[2], r[3]};
#pragma unroll
          for (int i = 0; i < kFragments; ++i) {
            mma_bf16(sum_[i][j], a[i], left);
            mma_bf16(sum_[i][j + 1], a[i], right);
          }
        }
      }
    } else {
#pragma unroll
      for (int k = 0; k < kK<T>; k += 8) {
        uint32_t a[kFragments][4];
#pragma unroll
        for (int i = 0; i < kFragments; ++i) {
#pragma unroll
          for (int e = 0; e < 4; ++e) a[i][e] = tf32_bits(row_element(stage, i, e % 2, k + in_group_ + e / 2 * 4));
        }
#pragma unroll
        for (int j = 0; j < 8; ++j) {
          const uint32_t b[2] = {tf32_bits(column_element(stage, j, k + in_group_)),
                                 tf32_bits(column_element(stage, j, k + in_group_ + 4))};
#pragma unroll
          for (int i = 0; i < kFragments; ++i) mma_tf32(sum_[i][j], a[i], b);
        }
      }
    }
  }

  LDC_DEVICE void write(const GradShape& shape, Global<float> part) const {
#pragma unroll
    for (int i = 0; i < kFragments; ++i) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int64_t m = static_cast<int64_t>(blockIdx.x) * kM + row_ + 16 * i + 8 * half + group_;
#pragma unroll
        for (int j = 0; j < 8; ++j) {
          const int n = static_cast<int>(blockIdx.y) * kN + column_ + 8 * j + in_group_ * 2;
          if (m >= shape.conv.out_c || n >= shape.columns) continue;
          store2(part + (m * shape.columns + n), sum_[i][j][2 * half], sum_[i][j][2 * half + 1]);
        }
      }
    }
  }

 private:
  LDC_DEVICE float row_element(Shared<float> stage, int i, int half, int k) const {
    return stage[k * kRow<kM, T> + row_ + 16 * i + 8 * half + group_];
  }
  LDC_DEVICE float column_element(Shared<float> stage, int j, int k) const {
    return stage[kK<T> * kRow<kM, T> + k * kRow<kN, T> + column_ + 8 * j + group_];
  }

  const int lane_, group_, in_group_, row_, column_;
  float sum_[kFragments][8][4];
};

// Grid: tiles of output channels, tiles of (tap, input channel), parts of the pixels.
template <class Tile>
LDC_KERNEL void LDC_BOUNDS(kTileThreads, 2) weight_grad_kernel(GradShape shape, Global<const typename Tile::Stored> x,
                                                               Global<const typename Tile::Stored> dy, Global<float> parts) {
  LDC_DYNAMIC_SHARED(float, stages);
  using T = typename Tile::Stored;
  constexpr int kWords = kStage<Tile::kM, T>;
  const int64_t begin = blockIdx.z * shape.part_pixels, past = begin + shape.part_pixels;
  const int64_t end = past < shape.pixels ? past : shape.pixels;
  Loader<Tile::kM, T> loader(shape, x, dy, begin, end);
  Tile tile;
  const int steps = static_cast<int>((end - begin + kK<T> - 1) / kK<T>);
  for (int s = 0; s < kStages - 1; ++s) {
    if (s < steps) loader.load(stages + s * kWords);
    copy_async_commit();
  }
  for (int step = 0; step < steps; ++step) {
    copy_async_wait<kStages - 2>();
    sync_block();  // this step has arrived for everyone, and everyone has left the stage that is filled next
    const int next = step + kStages - 1;
    if (next < steps) loader.load(stages + next % kStages * kWords);
    copy_async_commit();
    tile.multiply(stages + step % kStages * kWords);
  }
  tile.write(shape, parts + static_cast<int64_t>(blockIdx.z) * shape.conv.out_c * shape.columns);
}

template <class Tile>
void start(Stream stream, const GradShape& shape, const Tensor& x, const Tensor& dy, Global<float> parts) {
  const Grid grid = {ceil_div(shape.conv.out_c, Tile::kM), ceil_div(shape.columns, kN), shape.parts};
  using T = typename Tile::Stored;
  constexpr size_t kBytes = sizeof(float) * kStages * kStage<Tile::kM, T>;
  launch(stream, weight_grad_kernel<Tile>, grid, kTileThreads, kBytes, shape, global<const T>(x.as<T>()), global<const T>(dy.as<T>()), parts);
}

// The gradient of an effective weight, element `at` of each part: the parts added in order, loads ahead of the sum.
LDC_DEVICE float part_sum(const GradShape& shape, Global<const float> parts, int64_t at) {
  const int64_t step = int64_t{shape.conv.out_c} * shape.columns;
  float sum = 0;
#pragma unroll 8
  for (int64_t part = 0; part < shape.parts; ++part) sum += parts[part * step + at];
  return sum;
}

constexpr int kTaps = 9;

// 32 pairs a block, a warp a tap: a thread a pair would leave most of a GPU without work. Writes dw and dm; shares[block] of dtheta's sum.
LDC_KERNEL void LDC_BOUNDS(kTaps * kWarp, 1) descriptor_kernel(GradShape shape, EffectiveWeight weight, int inputs, int pairs,
                                                               Global<const float> parts, Global<float> dw, Global<float> dm,
                                                               Global<double> shares) {
  LDC_SHARED(float, sums, kTaps * kWarp);
  const int tap = static_cast<int>(threadIdx.x) / kWarp, lane = static_cast<int>(threadIdx.x) % kWarp;
  const int pair = static_cast<int>(blockIdx.x) * kWarp + lane;
  if (pair < pairs) {
    const int output = pair / inputs, place = tap * shape.conv.in_c + pair - output * inputs;
    sums[threadIdx.x] = part_sum(shape, parts, int64_t{output} * shape.columns + place);
  }
  sync_block();
  if (tap > 0) return;
  double theta = 0;
  if (pair < pairs) {
    float g[kTaps];
#pragma unroll
    for (int t = 0; t < kTaps; ++t) g[t] = sums[t * kWarp + lane];
    theta = weight.gradient(pair, g, dw, dm);
  }
  theta = warp_sum(theta);
  if (lane == 0) shares[blockIdx.x] = theta;
}

template <class T>
GradShape shape_of(const Conv2d& conv, const Tensor& x, const Tensor& dy, int64_t kernel) {
  GradShape shape = {};
  shape.conv = {static_cast<int>(x.n()), static_cast<int>(x.h()), static_cast<int>(x.w()), static_cast<int>(stored_channels(x)),
                static_cast<int>(dy.h()), static_cast<int>(dy.w()), static_cast<int>(stored_channels(dy)),
                static_cast<int>(kernel), conv.stride, conv.padding, false};
  shape.columns = static_cast<int>(kernel * kernel) * shape.conv.in_c;
  shape.pixels = dy.n() * dy.h() * dy.w();
  const int64_t tiles = ceil_div(shape.conv.out_c, kNarrow) * ceil_div(shape.columns, kN);
  const int64_t nearest = (kWantedBlocks + tiles / 2) / tiles, wanted = nearest > 1 ? nearest : 1;
  const int64_t most = ceil_div(shape.pixels, kLeastPixels), parts = wanted < most ? wanted : most;
  shape.part_pixels = ceil_div(ceil_div(shape.pixels, parts < kMostParts ? parts : kMostParts), kK<T>) * kK<T>;
  shape.parts = ceil_div(shape.pixels, shape.part_pixels);
  const ConvShape& s = shape.conv;
  const auto move = [&](int pixels) -> Move {
    const int lines = pixels / s.out_w * s.stride, columns = pixels % s.out_w * s.stride;
    return {lines, columns, (int64_t{lines} * s.in_w + columns) * s.in_c};
  };
  shape.row = move(kStepB<T>);
  shape.step = move(kK<T>);
  shape.line_end = int64_t{s.stride} * (s.in_w - s.out_w) * s.in_c;
  shape.image_end = (int64_t{s.in_h} - int64_t{s.out_h} * s.stride) * s.in_w * s.in_c;
  return shape;
}

}  // namespace

void CudaKernels::conv2d_weight_grad(const Conv2d& conv, const Tensor& x, const Tensor& dy, const Tensor& w, const Tensor& m,
                                     const Tensor& theta, const Tensor& dw, const Tensor& dm, const Tensor& dtheta,
                                     const Tensor& dbias) {
  const bool halves = in_bf16(x);
  const GradShape shape = halves ? shape_of<Bf16>(conv, x, dy, w.shape[2]) : shape_of<float>(conv, x, dy, w.shape[2]);
  const int64_t inputs = w.shape[1], pairs = w.shape[0] * inputs;
  const Scratch<float> part_memory(memory_, shape.parts * shape.conv.out_c * shape.columns);
  const Global<float> parts = global(part_memory.data());
  const bool wide = wgmma_ && shape.conv.out_c > kNarrow;
  if (halves) {
    wide ? start<MmaTile<kWide, Bf16>>(stream_, shape, x, dy, parts) : start<MmaTile<kNarrow, Bf16>>(stream_, shape, x, dy, parts);
  } else if (precision_ == Precision::tf32) {
    wide ? start<MmaTile<kWide, float>>(stream_, shape, x, dy, parts) : start<MmaTile<kNarrow, float>>(stream_, shape, x, dy, parts);
  } else {
    start<FmaTile>(stream_, shape, x, dy, parts);
  }

  const EffectiveWeight weight = effective_weight(conv, w, m, theta);
  const Global<const float> sums = parts;
  const Global<float> to_w = output(dw), to_m = output(dm);
  if (conv.descriptor == Descriptor::vanilla) {
    // Inputs side by side, as the parts have them.
    each(stream_, pairs * weight.taps, [=] LDC_LAMBDA(int64_t at) {
      const int64_t i = at % inputs, tap = at / inputs % weight.taps, o = at / inputs / weight.taps;
      to_w[(o * inputs + i) * weight.taps + tap] = part_sum(shape, sums, o * shape.columns + tap * shape.conv.in_c + i);
    });
  } else {
    const int64_t blocks = ceil_div(pairs, kWarp);
    const Scratch<double> share_memory(memory_, blocks);
    const Global<double> shares = global(share_memory.data());
    launch(stream_, descriptor_kernel, {blocks}, kTaps * kWarp, 0, shape, weight, static_cast<int>(inputs), static_cast<int>(pairs), sums, to_w, to_m, shares);
    if (dtheta) {
      const Global<float> to_theta = output(dtheta);
      total_of(stream_, shares, blocks, [=] LDC_LAMBDA(double sum) { to_theta[0] = static_cast<float>(sum); });
    }
  }
  if (!dbias) return;
  const Features upstream = features(dy);
  const Global<float> to_bias = output(dbias);
  const int64_t stored = shape.conv.out_c;
  column_sums(
      stream_, memory_, dy.dtype, Columns(1, shape.pixels, dy.c()),
      [=] LDC_LAMBDA(auto lanes, int64_t row, int n, int64_t c) -> Sums {
        double sum = 0;
        for (int k = 0; k < n; ++k) sum += lanes.load(upstream, (row + k) * stored + c);
        return {sum, 0};
      },
      [=] LDC_LAMBDA(int64_t, int64_t c, Sums bias) { to_bias[c] = static_cast<float>(bias.first); });
}

}  // namespace ldc::cuda::LDC_TARGET
