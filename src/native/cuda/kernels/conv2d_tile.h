// A convolution's block: the tile of 128 pixels x kN channels that it computes, whatever multiplies it (conv2d.cu, conv2d_wgmma.cu).
//
// A Tile says how a stage of shared memory lies and multiplies it:
//   Stored           what activations and weights are stored in: float, or Bf16, which lies in shared memory by twos in words
//   kN, kK, kThreads, kStage    channels, depth of a step of K in words, threads, words of a stage
//   place_a(row, group), place_b(row, group)     where four words of K lie: pixel `row`, channel `row`
//   arrived()        called by each thread when its copies have arrived, before the barrier that shows them to the others
//   multiply(stage)  adds one step of K, or begins to
//   settle()         called before that barrier and before write: what was begun is done, and its stage is free
//   kAsynchronous    whether multiply only begins: then the next copies are started beside it, and else before it
//   write(Writer)    stores the sums
// Copies of 16 bytes go from global to shared memory without registers, kStages deep. Sums run over K in order, whatever the tile.
#pragma once

#include "conv2d_gather.h"

namespace ldc::cuda::LDC_TARGET {

constexpr int kM = 128, kStages = 3;

// Copies one step of K to a stage. Each thread has a group of 16 bytes of channels and every (threads / kGroups)-th row. Where rows begin is
// worked out once, in groups: 32 bits reach 64 GiB (conv2d.cu refuses more). What is added for a step of K is the same for all.
template <class Tile>
class Loader {
 public:
  using T = typename Tile::Stored;
  static constexpr int kN = Tile::kN, kGroups = Tile::kK / 4;
  static constexpr int kRowStep = Tile::kThreads / kGroups, kRowsA = kM / kRowStep, kRowsB = kN / kRowStep;

  LDC_DEVICE Loader(const ConvShape& shape, const Axis& down, const Axis& across, Global<const T> x, Global<const T> w)
      : shape_(shape), down_(down), across_(across), x_(x), w_(w), groups_(shape.in_c / kVector<T>),
        group_(static_cast<int>(threadIdx.x) % kGroups), row_(static_cast<int>(threadIdx.x) / kGroups),
        walk_(group_, groups_, across.taps) {
    const int pixels = down.lines * across.lines;
#pragma unroll
    for (int i = 0; i < kRowsA; ++i) {
      const int64_t m = static_cast<int64_t>(blockIdx.x) * kM + row_ + i * kRowStep;
      const int64_t image = m / pixels;
      const int pixel = static_cast<int>(m % pixels);
      const int line = pixel / across.lines * down.mul + down.base;
      line_[i] = image < shape.batch ? line : kNowhere;
      column_[i] = pixel % across.lines * across.mul + across.base;
      at_[i] = ((static_cast<uint32_t>(image) * static_cast<uint32_t>(shape.in_h) + static_cast<uint32_t>(line)) *
                    static_cast<uint32_t>(shape.in_w) + static_cast<uint32_t>(column_[i])) * static_cast<uint32_t>(groups_);
    }
  }

  LDC_DEVICE void load(Shared<float> stage) {
    const bool in_k = walk_.ty < down_.taps;
    const int dy = in_k ? walk_.ty * down_.step : kNowhere, dx = walk_.tx * across_.step;
    const uint32_t further = (static_cast<uint32_t>(walk_.ty * down_.step) * static_cast<uint32_t>(shape_.in_w) + static_cast<uint32_t>(dx)) *
                                 static_cast<uint32_t>(groups_) + static_cast<uint32_t>(walk_.c);
#pragma unroll
    for (int i = 0; i < kRowsA; ++i) {
      const bool there = static_cast<unsigned>(line_[i] + dy) < static_cast<unsigned>(shape_.in_h) &&
                         static_cast<unsigned>(column_[i] + dx) < static_cast<unsigned>(shape_.in_w);
      copy_async(stage + Tile::place_a(row_ + i * kRowStep, group_), x_ + kVector<T> * static_cast<int64_t>(at_[i] + further), there);
    }
    const int tap = (down_.first_tap + walk_.ty * down_.tap_stride) * shape_.kernel + across_.first_tap + walk_.tx * across_.tap_stride;
    const int n = static_cast<int>(blockIdx.y) * kN + row_;
    const uint32_t weights = static_cast<uint32_t>((tap * shape_.out_c + n) * groups_ + walk_.c);
#pragma unroll
    for (int i = 0; i < kRowsB; ++i) {
      const uint32_t at = weights + static_cast<uint32_t>(i * kRowStep * groups_);
      const bool there = in_k && n + i * kRowStep < shape_.out_c;
      copy_async(stage + Tile::place_b(row_ + i * kRowStep, group_), w_ + kVector<T> * static_cast<int64_t>(at), there);
    }
    walk_.advance(kGroups, groups_, across_.taps);
  }

 private:
  // A line that no tap brings back into the image; not so far that sums of two would overflow.
  static constexpr int kNowhere = -(1 << 30);

  const ConvShape& shape_;
  const Axis &down_, &across_;
  const Global<const T> x_, w_;
  const int groups_, group_, row_;
  Walk walk_;
  int line_[kRowsA], column_[kRowsA];
  uint32_t at_[kRowsA];
};

// Writes C[m, n] and hands out where: the pixel of row m of this block, or -1.
template <class T>
struct Writer {
  const ConvShape& shape;
  const Axis &down, &across;
  Global<const float> bias;  // [channels] or null
  int channels;
  Global<T> y;

  LDC_DEVICE int64_t offset(int row) const {
    const int pixels = down.lines * across.lines;
    const int64_t m = static_cast<int64_t>(blockIdx.x) * kM + row, image = m / pixels;
    if (image >= shape.batch) return -1;
    const int pixel = static_cast<int>(m % pixels);
    const int line = pixel / across.lines * down.out_mul + down.out_base;
    const int column = pixel % across.lines * across.out_mul + across.out_base;
    return ((image * shape.out_h + line) * shape.out_w + column) * shape.out_c;
  }
  LDC_DEVICE float offset_of(int n) const { return bias == nullptr || n >= channels ? 0.0f : bias[n]; }
};

// One block. Grid: tiles of pixels, tiles of channels, remainders by the stride (data gradient).
template <class Tile, class T>
LDC_DEVICE void convolve_block(const ConvShape& shape, Global<const T> x, Global<const T> w, Global<const float> bias, int channels,
                               Global<T> y, Shared<float> stages) {
  const int remainder = static_cast<int>(blockIdx.z);
  const Axis down = axis_of(shape, shape.out_h, remainder / shape.stride), across = axis_of(shape, shape.out_w, remainder % shape.stride);
  if (static_cast<int64_t>(blockIdx.x) * kM >= static_cast<int64_t>(shape.batch) * down.lines * across.lines) return;
  Loader<Tile> loader(shape, down, across, x, w);
  Tile tile;
  constexpr int kGroups = Tile::kK / 4, kStage = Tile::kStage;
  const int steps = (down.taps * across.taps * (shape.in_c / kVector<T>) + kGroups - 1) / kGroups;
  for (int s = 0; s < kStages - 1; ++s) {
    if (s < steps) loader.load(stages + s * kStage);
    copy_async_commit();
  }
  for (int step = 0; step < steps; ++step) {
    copy_async_wait<kStages - 2>();
    Tile::arrived();
    tile.settle();
    sync_block();  // this step has arrived for everyone, and everyone has left the stage that is filled next
    const auto load_next = [&] {
      if (step + kStages - 1 < steps) loader.load(stages + (step + kStages - 1) % kStages * kStage);
      copy_async_commit();
    };
    if constexpr (!Tile::kAsynchronous) load_next();
    tile.multiply(stages + step % kStages * kStage);
    if constexpr (Tile::kAsynchronous) load_next();
  }
  tile.settle();
  tile.write(Writer<T>{shape, down, across, bias, channels, y});
}

// What a launch of a convolution is given, and its grid but for the tiles of channels.
template <class T>
struct ConvCall {
  Stream stream;
  ConvShape shape;
  Grid grid;
  Global<const T> x, w;
  Global<const float> bias;
  int channels;  // written, without padding: those that have a bias
  Global<T> y;

  // Blocks with tiles of n channels.
  int64_t blocks(int n) const { return grid.x * grid.z * ceil_div(shape.out_c, n); }
};

template <class Tile, class Kernel>
inline void start(const ConvCall<typename Tile::Stored>& call, Kernel kernel) {
  Grid grid = call.grid;
  grid.y = ceil_div(call.shape.out_c, Tile::kN);
  launch(call.stream, kernel, grid, Tile::kThreads, sizeof(float) * kStages * Tile::kStage, call.shape, call.x, call.w, call.bias,
         call.channels, call.y);
}

// By warp-group MMA, in TF32 of weights that are rounded to it (conv2d_pack.cu), or in BF16. Only where has_wgmma().
void convolve_by_wgmma(const ConvCall<float>& call);
void convolve_by_wgmma(const ConvCall<Bf16>& call);

}  // namespace ldc::cuda::LDC_TARGET
