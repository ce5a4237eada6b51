// Winograd forward convolution and data gradient.
//
// An item is a block of tiles and a range of output channels: all of them, unless there are fewer blocks than threads. Blocks
// are of one size, as many as keep all threads busy to the end: the 64 tiles of one small image are no 60 and 4. An item's
// inputs are transformed, for all channels; then, 64 output channels at a time, for each of the 36 or 16 points the product of
// (tiles x input channels) with (input channels x output channels) is formed, and all are transformed back, so that what is
// between the two stays in the L2 cache.
//
// Transformed weights are 4 or 1.8 times as many as weights. Of layers with features in bf16 they are halves: each output channel's are
// divided by the power of two in its largest weight, by which the outputs are multiplied again. (In bf16, with 8 bits for 11, errors
// would be larger than those of bf16 products by definition: what is transformed back adds up the roundings of a whole tile.)
#include "conv2d_winograd.h"

#include <cstring>
#include <type_traits>

#include "conv2d_tile.h"

namespace ldc::cpu::LDC_ISA::conv2d {

namespace {

template <class F>
constexpr int64_t kTileBlock = F::points == 36 ? 60 : 120;  // most tiles of an item
constexpr int64_t kLeastTiles = 24;                          // fewer are not worth reading all weights for
constexpr int64_t kOutputs = 4 * kBlock;                     // output channels between two transforms
constexpr int64_t kChunkBlocks = 8;     // blocks of input channels in a row: their weights stay in the L1 cache
constexpr int64_t kChainBlocks = 4;     // most of a chain of multiply-adds
constexpr int64_t kLeastChannels = 32;  // for the automatic choice of F(2x2)

// The type of transformed weights.
template <class T>
struct PackedFor {
  using Type = float;
};
template <>
struct PackedFor<Bf16> {
  using Type = Half;
};

// Packed weights: the factors of the output channels, where the weights are halves; then the weights.
template <class W>
constexpr bool kScaled = !std::is_same_v<W, float>;
template <class W>
constexpr int64_t factors_of(int64_t to) {
  return kScaled<W> ? to : 0;
}

template <class F, class T, class W = typename PackedFor<T>::Type>
struct Run {
  const Tensor &from, &to;
  const float* factors;
  const W* packed;
  const float* bias;
  TileGrid<F> grid;
  int64_t block;  // tiles of an item
  bool past;      // the output is stored past the cache

  // Blocks of input channels that are one chain of multiply-adds; chains are added in order. The rounding error of a long sum
  // grows with the length of its chains: with these, F(4x4) is about as exact as a direct sum in one chain.
  int64_t chain() const { return least(kChainBlocks, ceil_div(from.c() / kBlock, 2)); }

  int64_t input_stride() const { return matrix_stride(from.c() * block); }
  int64_t product_stride() const { return matrix_stride(kOutputs * block); }

  // One register tile: P tiles of one point from `in`, V vectors of outputs, `blocks` of input channels; fresh: there is nothing
  // to add to yet. Out of line, so that the registers are its own.
  template <int P, int V>
  [[gnu::noinline]] void product(const float* in, const W* u, int64_t blocks, bool fresh, float* out) const {
    const int64_t most = chain();
    const float* x[P];
    for (int p = 0; p < P; ++p) x[p] = in + p * kBlock;
    for (int64_t b = 0; b < blocks; b += most, fresh = false) {
      const Window window{least(most, blocks - b), block * kBlock, 1, 0, kBlock};
      Vec acc[P][V];
      for (int p = 0; p < P; ++p) {
        for (int v = 0; v < V; ++v) acc[p][v] = Vec::zero();
      }
      product_tile<P, V>(window, x, u, acc);
      for (int p = 0; p < P; ++p) {
        x[p] += most * window.block_stride;
        for (int v = 0; v < V; ++v) {
          float* sum = out + (v * block + p) * kBlock;
          (fresh ? acc[p][v] : Vec::load(sum) + acc[p][v]).store(sum);
        }
      }
      u += most * kBlock * V * kBlock;
    }
  }

  // m[point][vector of outputs][tile] = v[point][.][tile] u[point][.][output] for `outputs` channels from `first`.
  void products(const float* v, int64_t tiles, int64_t first, int64_t outputs, float* m) const {
    const int64_t blocks = from.c() / kBlock, chunk = ceil_div(blocks, ceil_div(blocks, kChunkBlocks));
    for (int64_t point = 0; point < F::points; ++point) {
      const W* u = packed + point * matrix_stride(from.c() * to.c()) + first * from.c();
      const float* in = v + point * input_stride();
      for (int64_t k = 0; k < outputs; k += kTileVecs * kBlock) {
        float* out = m + point * product_stride() + k * block;
        with_count<kTileVecs>((outputs - k) / kBlock, [&](auto vecs) {
          for (int64_t b = 0; b < blocks; b += chunk) {
            const W* panel = u + k * from.c() + b * vecs.value * kBlock * kBlock;
            for (int64_t t = 0; t < tiles; t += kTileRows) {
              with_count<kTileRows>(tiles - t, [&](auto count) {
                product<count.value, vecs.value>(in + (b * block + t) * kBlock, panel, least(chunk, blocks - b), b == 0,
                                                 out + t * kBlock);
              });
            }
          }
        });
      }
    }
  }

  // Writes one tile of one line of output channels.
  void output(const Planes<T>& planes, const float* m, const TilePlace& place, int64_t channel) const {
    using Transform = typename F::OutputTransform;
    const int64_t rows = least(F::output, to.h() - place.y), cols = least(F::output, to.w() - place.x);
    const int64_t step = planes.step, line = to.w() * step, m_col = product_stride(), m_row = F::input * m_col;
    T* out = planes.at(place.image, channel / kBlock) + place.y * line + place.x * step;
    if constexpr (Planes<T>::side == 1) {
      if (past) return transform_square<Transform, true>(m, m_row, m_col, out, line, step);
      if (rows == F::output && cols == F::output && bias == nullptr) {
        return transform_square<Transform>(m, m_row, m_col, out, line, step);
      }
    }
    float y[F::output * F::output * Line<T>::kLanes] = {};
    for (int64_t i = 0; i < step && channel + i < to.c(); i += kBlock) {
      transform_square<Transform>(m + i * block, m_row, m_col, y + i, F::output * step, step);
    }
    const auto of_line = [&](const float* values) { return load_channels<T>(values, channel / step, to.c()); };
    const Line<T> start = bias == nullptr ? Line<T>::zero() : of_line(bias), factor = kScaled<W> ? of_line(factors) : start;
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t col = 0; col < cols; ++col) {
        Line<T> value = Line<T>::load(y + (row * F::output + col) * step);
        if constexpr (kScaled<W>) value = value * factor;
        if (bias != nullptr) value = value + start;
        T* at = out + row * line + col * step;
        if (past) {
          stream(value, at);
        } else {
          store(value, at);
        }
      }
    }
  }

  // Tiles from `first`, output channels from `channel` up to `end`.
  void item(int64_t first, int64_t tiles, int64_t channel, int64_t end, float* v, float* m) const {
    constexpr int64_t side = Planes<T>::side;
    const Planes<T> sources(from), targets(to);
    TilePlace place[kTileBlock<F>];
    for (int64_t t = 0; t < tiles; ++t) place[t] = tile_place(grid, first + t);
    for (int64_t line = 0; line < sources.count; line += side) {
      for (int64_t t = 0; t < tiles; ++t) {
        for (int64_t b = line; b < least(line + side, sources.count); ++b) {
          transform_input<F>(from, sources, b, place[t], v + (b * block + t) * kBlock, input_stride());
        }
      }
    }
    for (int64_t k = channel; k < end; k += kOutputs) {
      const int64_t outputs = least(kOutputs, end - k);
      products(v, tiles, k, outputs, m);
      for (int64_t i = 0; i < outputs; i += side * kBlock) {
        for (int64_t t = 0; t < tiles; ++t) output(targets, m + (i * block + t * kBlock), place[t], k + i);
      }
    }
    if (past) finish_streams();
  }
};

// The largest power of two in x, where it and its inverse are normal numbers.
inline float power_in(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  const uint32_t exponent = bits >> 23;
  bits = (exponent < 1 ? 1 : exponent > 253 ? 253 : exponent) << 23;
  std::memcpy(&x, &bits, sizeof bits);
  return x;
}

// [point][group of output vectors][input channel][lane], where input and output are those of the pass. An item is 16 output channels.
template <class F, class W>
void pack(Pool& pool, Scratch& scratch, ConvPass pass, const EffectiveWeight& weight, int64_t out_channels, int64_t in_channels,
          float* factors) {
  const bool forward = pass == ConvPass::forward;
  const int64_t from = forward ? in_channels : out_channels, to = forward ? out_channels : in_channels;
  const int64_t stride = matrix_stride(from * to), own = from * 9 * kBlock;
  W* packed = reinterpret_cast<W*>(factors + factors_of<W>(to));
  constexpr int64_t kGroup = kTileVecs * kBlock;
  float* memory = static_cast<float*>(scratch.get(pool.threads() * own * sizeof(float)));
  pool.each(to / kBlock, [&](int64_t item, int thread) {
    const int64_t lane0 = item * kBlock, first = lane0 / kGroup * kGroup, width = least(kGroup, to - first);
    float* g = memory + thread * own;  // [input][tap][lane]
    Vec largest = Vec::zero();
    for (int64_t source = 0; source < from; ++source) {
      Vec taps[9];
      weight.nine(forward ? lane0 * from + source : source * to + lane0, forward ? from : 1, taps);
      for (int t = 0; t < 9; ++t) {
        taps[t].store(g + (source * 9 + (forward ? t : 8 - t)) * kBlock);
        if constexpr (kScaled<W>) largest = max(largest, max(taps[t], Vec::zero() - taps[t]));
      }
    }
    if constexpr (kScaled<W>) {
      float factor[kBlock], over[kBlock];
      largest.store(factor);
      for (int lane = 0; lane < kBlock; ++lane) {
        factors[lane0 + lane] = power_in(factor[lane]);
        over[lane] = 1 / factors[lane0 + lane];
      }
      const Vec scale = Vec::load(over);
      for (int64_t i = 0; i < own; i += kBlock) (Vec::load(g + i) * scale).store(g + i);
    }
    for (int64_t source = 0; source < from; ++source) {
      W* u = packed + first * from + source * width + lane0 - first;
      transform_square<typename F::FilterTransform>(g + source * 9 * kBlock, 3 * kBlock, kBlock, u, F::input * stride, stride);
    }
  });
}

template <class F, class T>
void run_all(Pool& pool, Scratch& scratch, const Tensor& from, const float* packed, const float* bias, const Tensor& to) {
  using W = typename PackedFor<T>::Type;
  const bool whole = to.h() % F::output == 0 && to.w() % F::output == 0;
  const W* weights = reinterpret_cast<const W*>(packed + factors_of<W>(to.c()));
  Run<F, T> run{from, to, packed, weights, bias, TileGrid<F>(to), 0, whole && bias == nullptr && streams(to)};
  const int64_t tiles = run.grid.count(to.n());
  const int64_t fewest = ceil_div(tiles, kTileBlock<F>), even = ceil_div(fewest, pool.threads()) * pool.threads();
  run.block = ceil_div(tiles, tiles >= even * kLeastTiles ? even : fewest);
  const int64_t blocks = ceil_div(tiles, run.block), panels = ceil_div(to.c(), kOutputs);
  const int64_t parts = blocks >= pool.threads() ? 1 : least(panels, ceil_div(pool.threads(), blocks));
  const int64_t inputs = F::points * run.input_stride(), own = inputs + F::points * run.product_stride();
  float* memory = static_cast<float*>(scratch.get(pool.threads() * own * sizeof(float)));
  pool.each(blocks * parts, [&](int64_t item, int thread) {
    const int64_t first = item / parts * run.block, part = item % parts;
    float* own_memory = memory + thread * own;
    const int64_t channel = panels * part / parts * kOutputs, end = least(panels * (part + 1) / parts * kOutputs, to.c());
    run.item(first, least(run.block, tiles - first), channel, end, own_memory, own_memory + inputs);
  });
}

}  // namespace

// Measured (conv2d_bench --sizes; experiments/bench/LOG.md): F(2x2) is 1.2 to 3 times as fast as direct at every size, and more
// exact; F(4x4) is worth its larger rounding error and weights where it saves a third of F(2x2)'s products, and images have more than
// one tile. Layers of 16 channels gain nothing from F(2x2).
Method method_of(const Conv2d& conv, int64_t out_channels, int64_t in_channels, int64_t kernel) {
  if (conv.algorithm == ConvAlgorithm::direct) return Method::direct;
  if (kernel != 3 || conv.stride != 1 || conv.padding != 1) return Method::direct;
  if (out_channels % kBlock != 0 || in_channels % kBlock != 0) return Method::direct;
  if (conv.algorithm == ConvAlgorithm::winograd_f2) return Method::f2;
  if (conv.algorithm == ConvAlgorithm::winograd_f4) return Method::f4;
  const int64_t f2_products = F2::points * ceil_div(conv.height, F2::output) * ceil_div(conv.width, F2::output);
  const int64_t f4_products = F4::points * ceil_div(conv.height, F4::output) * ceil_div(conv.width, F4::output);
  if (least(conv.height, conv.width) > F4::output && 2 * f2_products >= 3 * f4_products) return Method::f4;
  const bool narrow = least(out_channels, in_channels) < kLeastChannels;
  return narrow && conv.algorithm == ConvAlgorithm::automatic ? Method::direct : Method::f2;
}

// Calls body(F{}, T{}) with the transforms of a method and the type of its features.
template <class Body>
static void with_both(Method method, DType type, const Body& body) {
  with_transforms(method, [&](auto f) {
    if (type == DType::bf16) {
      body(f, Bf16{});
    } else {
      body(f, float{});
    }
  });
}

int64_t winograd_packed_elements(Method method, DType type, int64_t out_channels, int64_t in_channels, ConvPass pass) {
  int64_t elements = 0;
  with_both(method, type, [&]<class F, class T>(F, T) {
    using W = typename PackedFor<T>::Type;
    const int64_t weights = F::points * matrix_stride(out_channels * in_channels);
    elements = factors_of<W>(pass == ConvPass::forward ? out_channels : in_channels) + weights * sizeof(W) / sizeof(float);
  });
  return elements;
}

void winograd_pack(Pool& pool, Scratch& scratch, Method method, DType type, ConvPass pass, const EffectiveWeight& weight,
                   int64_t out_channels, int64_t in_channels, float* packed) {
  with_both(method, type, [&]<class F, class T>(F, T) {
    pack<F, typename PackedFor<T>::Type>(pool, scratch, pass, weight, out_channels, in_channels, packed);
  });
}

void winograd_run(Pool& pool, Scratch& scratch, Method method, const Tensor& from, const float* packed, const float* bias,
                  const Tensor& to) {
  with_both(method, to.dtype, [&]<class F, class T>(F, T) { run_all<F, T>(pool, scratch, from, packed, bias, to); });
}

}  // namespace ldc::cpu::LDC_ISA::conv2d
