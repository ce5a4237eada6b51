// Winograd forward convolution and data gradient.
//
// An item is a block of tiles and a range of output channels: all of them, unless there are fewer blocks than threads. Blocks
// are of one size, as many as keep all threads busy to the end: the 64 tiles of one small image are no 60 and 4. An item's
// inputs are transformed, for all channels; then, 64 output channels at a time, 36 products of (tiles x input channels)
// with (input channels x output channels) are formed and transformed back, so that what is between the two stays in the L2
// cache.
#include "conv2d_winograd.h"

#include "conv2d_tile.h"

namespace ldc::cpu::LDC_ISA::conv2d {

namespace {

constexpr int64_t kTileBlock = 60;        // most tiles of an item
constexpr int64_t kLeastTiles = 24;       // fewer are not worth reading all weights for
constexpr int64_t kOutputs = 4 * kBlock;  // output channels between two transforms
constexpr int64_t kChunkBlocks = 8;       // blocks of input channels in a row: their weights stay in the L1 cache
constexpr int64_t kLeastChannels = 32;    // for the automatic choice

struct Run {
  const Tensor &from, &to;
  const float* packed;
  const float* bias;
  TileGrid grid;
  int64_t block;  // tiles of an item
  bool past;      // the output is stored past the cache

  int64_t input_stride() const { return matrix_stride(from.c() * block); }
  int64_t product_stride() const { return matrix_stride(kOutputs * block); }

  // One register tile: P tiles of one point from `in`, V vectors of outputs, `blocks` of input channels; fresh: there is nothing
  // to add to yet. Out of line, so that the registers are its own.
  template <int P, int V>
  [[gnu::noinline]] void product(const float* in, const float* u, int64_t blocks, bool fresh, float* out) const {
    const Window window{blocks, block * kBlock, 1, 0, kBlock};
    const float* x[P];
    Vec acc[P][V];
    for (int p = 0; p < P; ++p) {
      x[p] = in + p * kBlock;
      for (int v = 0; v < V; ++v) acc[p][v] = fresh ? Vec::zero() : Vec::load(out + (v * block + p) * kBlock);
    }
    product_tile<P, V>(window, x, u, acc);
    for (int p = 0; p < P; ++p) {
      for (int v = 0; v < V; ++v) acc[p][v].store(out + (v * block + p) * kBlock);
    }
  }

  // m[point][vector of outputs][tile] = v[point][.][tile] u[point][.][output] for `outputs` channels from `first`.
  void products(const float* v, int64_t tiles, int64_t first, int64_t outputs, float* m) const {
    const int64_t blocks = from.c() / kBlock, chunk = ceil_div(blocks, ceil_div(blocks, kChunkBlocks));
    for (int64_t point = 0; point < kTilePoints; ++point) {
      const float* u = packed + point * matrix_stride(from.c() * to.c()) + first * from.c();
      const float* in = v + point * input_stride();
      for (int64_t k = 0; k < outputs; k += kTileVecs * kBlock) {
        float* out = m + point * product_stride() + k * block;
        with_count<kTileVecs>((outputs - k) / kBlock, [&](auto vecs) {
          for (int64_t b = 0; b < blocks; b += chunk) {
            const float* panel = u + k * from.c() + b * vecs.value * kBlock * kBlock;
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

  // Writes one tile of one vector of output channels.
  void output(const float* m, const TilePlace& place, int64_t channel) const {
    const int64_t rows = least(kTileOutput, to.h() - place.y), cols = least(kTileOutput, to.w() - place.x);
    const int64_t line = to.w() * kBlock, plane = place.image * (to.c() / kBlock) + channel / kBlock;
    float* out = to.f32() + (plane * to.h() + place.y) * line + place.x * kBlock;
    if (past) {
      transform_square<OutputTransform, true>(m, 6 * product_stride(), product_stride(), out, line, kBlock);
    } else if (rows == kTileOutput && cols == kTileOutput) {
      transform_square<OutputTransform>(m, 6 * product_stride(), product_stride(), out, line, kBlock);
    } else {
      float y[kTileOutput * kTileOutput * kBlock];
      transform_square<OutputTransform>(m, 6 * product_stride(), product_stride(), y, kTileOutput * kBlock, kBlock);
      for (int64_t row = 0; row < rows; ++row) {
        for (int64_t col = 0; col < cols; ++col) {
          Vec::load(y + (row * kTileOutput + col) * kBlock).store(out + row * line + col * kBlock);
        }
      }
    }
    if (bias == nullptr) return;
    const Vec start = Vec::load(bias + channel);
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t col = 0; col < cols; ++col) {
        float* at = out + row * line + col * kBlock;
        (Vec::load(at) + start).store(at);
      }
    }
  }

  // Tiles from `first`, output channels from `channel` up to `end`.
  void item(int64_t first, int64_t tiles, int64_t channel, int64_t end, float* v, float* m) const {
    TilePlace place[kTileBlock];
    for (int64_t t = 0; t < tiles; ++t) place[t] = tile_place(grid, first + t);
    for (int64_t b = 0; b < from.c() / kBlock; ++b) {
      for (int64_t t = 0; t < tiles; ++t) transform_input(from, b, place[t], v + (b * block + t) * kBlock, input_stride());
    }
    for (int64_t k = channel; k < end; k += kOutputs) {
      const int64_t outputs = least(kOutputs, end - k);
      products(v, tiles, k, outputs, m);
      for (int64_t i = 0; i < outputs; i += kBlock) {
        for (int64_t t = 0; t < tiles; ++t) output(m + (i * block + t * kBlock), place[t], k + i);
      }
    }
    if (past) finish_streams();
  }
};

}  // namespace

bool uses_winograd(const Conv2d& conv, int64_t out_channels, int64_t in_channels, int64_t kernel) {
  if (conv.algorithm == ConvAlgorithm::direct) return false;
  if (kernel != 3 || conv.stride != 1 || conv.padding != 1) return false;
  if (out_channels % kBlock != 0 || in_channels % kBlock != 0) return false;
  if (conv.algorithm == ConvAlgorithm::winograd) return true;
  const int64_t tiles = ceil_div(conv.height, kTileOutput) * ceil_div(conv.width, kTileOutput);
  const bool filled = 2 * tiles * kTileOutput * kTileOutput <= 3 * conv.height * conv.width;
  return filled && out_channels >= kLeastChannels && in_channels >= kLeastChannels;
}

int64_t winograd_packed_elements(int64_t out_channels, int64_t in_channels) {
  return kTilePoints * matrix_stride(out_channels * in_channels);
}

// [point][group of output vectors][input channel][lane], where input and output are those of the pass.
void winograd_pack(Pool& pool, ConvPass pass, const EffectiveWeight& weight, int64_t out_channels, int64_t in_channels,
                   float* packed) {
  const bool forward = pass == ConvPass::forward;
  const int64_t from = forward ? in_channels : out_channels, to = forward ? out_channels : in_channels;
  const int64_t stride = matrix_stride(from * to);
  constexpr int64_t kGroup = kTileVecs * kBlock;
  pool.each(to / kBlock * (from / kBlock), [&](int64_t item, int) {
    const int64_t lane0 = item / (from / kBlock) * kBlock, source0 = item % (from / kBlock) * kBlock;
    const int64_t first = lane0 / kGroup * kGroup, width = least(kGroup, to - first);
    float g[kBlock][9][kBlock];  // [source][tap][lane]
    for (int64_t o = 0; o < kBlock; ++o) {
      for (int64_t i = 0; i < kBlock; ++i) {  // in the order of memory
        const int64_t source = forward ? i : o, lane = forward ? o : i;
        const int64_t pair = forward ? (lane0 + o) * from + source0 + i : (source0 + o) * to + lane0 + i;
        weight.nine(pair, g[source][forward ? 0 : 8] + lane, forward ? kBlock : -kBlock);
      }
    }
    for (int64_t source = 0; source < kBlock; ++source) {
      float* u = packed + first * from + (source0 + source) * width + lane0 - first;
      transform_square<FilterTransform>(g[source][0], 3 * kBlock, kBlock, u, 6 * stride, stride);
    }
  });
}

void winograd_run(Pool& pool, Scratch& scratch, const Tensor& from, const float* packed, const float* bias,
                  const Tensor& to) {
  const bool whole = to.h() % kTileOutput == 0 && to.w() % kTileOutput == 0;
  Run run{from, to, packed, bias, TileGrid(to), 0, whole && bias == nullptr && streams(to)};
  const int64_t tiles = run.grid.count(to.n());
  const int64_t fewest = ceil_div(tiles, kTileBlock), even = ceil_div(fewest, pool.threads()) * pool.threads();
  run.block = ceil_div(tiles, tiles >= even * kLeastTiles ? even : fewest);
  const int64_t blocks = ceil_div(tiles, run.block), panels = ceil_div(to.c(), kOutputs);
  const int64_t parts = blocks >= pool.threads() ? 1 : least(panels, ceil_div(pool.threads(), blocks));
  const int64_t inputs = kTilePoints * run.input_stride(), own = inputs + kTilePoints * run.product_stride();
  float* memory = static_cast<float*>(scratch.get(pool.threads() * own * sizeof(float)));
  pool.each(blocks * parts, [&](int64_t item, int thread) {
    const int64_t first = item / parts * run.block, part = item % parts;
    float* own_memory = memory + thread * own;
    run.item(first, least(run.block, tiles - first), panels * part / parts * kOutputs,
             least(panels * (part + 1) / parts * kOutputs, to.c()), own_memory, own_memory + inputs);
  });
}

}  // namespace ldc::cpu::LDC_ISA::conv2d
