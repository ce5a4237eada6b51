// Direct forward convolution and data gradient, for every kernel, stride, padding and number of channels.
//
// An item is a few grid rows of one image and, where there are fewer of these than threads, a range of output channels. For
// a chunk of channel blocks, small enough that one panel of weights stays in the L2 cache, the source rows are copied with
// their halo; then every tile of 6 pixels meets every panel. The sum over a chunk is stored and picked up again by the next,
// which does not round. Outputs in bf16 are summed in working memory, an item's of them, and rounded when they are whole.
#include "conv2d_direct.h"

#include "conv2d_halo.h"
#include "conv2d_tile.h"
#include "sums.h"

namespace ldc::cpu::LDC_ISA::conv2d {

namespace {

constexpr int64_t kItemPixels = 512;
constexpr int64_t kChunkTaps = 36;  // channel blocks x taps in a chunk: 144 KB of weights a panel of 64 channels

// Few outputs waste most lanes of a vector of output channels; they are dot products over input channels instead.
bool is_dot(int64_t from, int64_t to) { return block_of(to) != kBlock && block_of(from) == kBlock; }

int64_t chunk_blocks(int64_t from, int64_t to, int64_t kernel) {
  const int64_t blocks = blocks_of(from), fitting = kChunkTaps / (kernel * kernel);
  return is_dot(from, to) ? blocks : least(blocks, most(fitting, 1));
}

// Where each pixel of an item lies, relative to its first grid row: the same for every item.
struct Place {
  int32_t from, to;
};

struct Run {
  const Axis& axis;
  const Tensor &from, &to;
  const float* packed;
  const float* bias = nullptr;  // lanes_of(channels of `to`)
  int64_t from_block, to_block, from_blocks, to_lanes;
  int64_t chunk;       // source blocks
  int64_t grid_width;  // of the first phase, the widest
  int64_t item_rows;   // grid rows
  int64_t halo_cols;
  int64_t out_plane;   // floats from one vector of output channels to the next, where they are summed

  Run(const Axis& axis_, const Tensor& from_, const Tensor& to_, const float* packed_)
      : axis(axis_), from(from_), to(to_), packed(packed_) {
    from_block = block_of(from.c());
    to_block = block_of(to.c());
    from_blocks = blocks_of(from.c());
    to_lanes = lanes_of(to.c());
    chunk = chunk_blocks(from.c(), to.c(), axis.kernel);
    grid_width = width(0);
    item_rows = least(most(1, kItemPixels / grid_width), height(0));
    halo_cols = (grid_width - 1) * axis.in_step + axis.reach;
    out_plane = (to.dtype == DType::f32 ? to.h() : most_rows()) * to.w() * to_block;
  }

  int64_t most_rows() const { return least(item_rows * axis.out_step, to.h()); }  // of the output in an item
  // Where those of an item in bf16 are summed.
  int64_t sum_floats() const { return to.dtype == DType::f32 ? 0 : ceil_div(to.c(), to_block) * out_plane; }

  int64_t halo_rows(int64_t rows) const { return (rows - 1) * axis.in_step + axis.reach; }
  int64_t height(int64_t phase) const { return ceil_div(to.h() - phase, axis.out_step); }
  int64_t width(int64_t phase) const { return ceil_div(to.w() - phase, axis.out_step); }

  void places(int64_t py, int64_t px, Place* place) const {
    const Part part(axis, py, px);
    for (int64_t row = 0; row < item_rows; ++row) {
      for (int64_t col = 0; col < width(px); ++col, ++place) {
        place->from = static_cast<int32_t>(
            ((part.y.first + row * axis.in_step) * halo_cols + part.x.first + col * axis.in_step) * from_block);
        place->to =
            static_cast<int32_t>(((row * axis.out_step + py) * to.w() + col * axis.out_step + px) * to_block);
      }
    }
  }

  // One tile of P pixels and V vectors of output channels. first: starts from the bias, not from what is there; past: stores
  // past the cache. Out of line, so that the registers are its own.
  template <int P, int V>
  [[gnu::noinline]] void tile(const Window& window, const Place* place, const float* halo, const float* w,
                              const float* start, bool first, bool past, float* out) const {
    const float* x[P];
    Vec acc[P][V];
    for (int p = 0; p < P; ++p) {
      x[p] = halo + place[p].from;
      for (int v = 0; v < V; ++v) acc[p][v] = Vec::load(first ? start + v * kBlock : out + place[p].to + v * out_plane);
    }
    product_tile<P, V>(window, x, w, acc);
    for (int p = 0; p < P; ++p) {
      float* pixel = out + place[p].to;
      if (past) {
        for (int v = 0; v < V; ++v) acc[p][v].stream(pixel + v * out_plane);
      } else if (to_block == kBlock) {
        for (int v = 0; v < V; ++v) acc[p][v].store(pixel + v * out_plane);
      } else {
        float lanes[kBlock];
        acc[p][0].store(lanes);
        for (int64_t k = 0; k < to_block; ++k) pixel[k] = lanes[k];
      }
    }
  }

  // All pixels and output channels [k, end) of an item for one part and one chunk of source blocks.
  void panels(const Part& part, const Place* place, int64_t pixels, int64_t block, int64_t blocks, const float* halo,
              int64_t halo_plane, int64_t k, int64_t end, float* out) const {
    const Window window{blocks, halo_plane, part.y.taps, halo_cols * from_block, part.x.taps * from_block};
    const bool past = blocks == from_blocks && to_block == kBlock && to.dtype == DType::f32 && streams(to);
    const float* w = packed + to_lanes * from_block * (part.taps_before * from_blocks + part.taps * block) +
                     k * from_block * blocks * part.taps;
    for (; k < end; k += kTileVecs * kBlock) {
      const int64_t vecs = (to_lanes - k) / kBlock;
      float* group = out + k / kBlock * out_plane;
      with_count<kTileVecs>(vecs, [&](auto v) {
        int64_t pixel = 0;
        for (; pixel + kTileRows <= pixels; pixel += kTileRows) {
          tile<kTileRows, v.value>(window, place + pixel, halo, w, bias + k, block == 0, past, group);
        }
        if (pixel == pixels) return;
        with_count<kTileRows - 1>(pixels - pixel, [&](auto p) {
          tile<p.value, v.value>(window, place + pixel, halo, w, bias + k, block == 0, past, group);
        });
      });
      w += kTileVecs * kBlock * from_block * blocks * part.taps;
    }
    if (past) finish_streams();
  }

  // The same for up to four output channels: K dot products a pixel over the lanes of the source channels.
  template <int K>
  void dots(const Part& part, const Place* place, int64_t pixels, const float* halo, int64_t halo_plane, float* out) const {
    constexpr int P = 4;
    for (int64_t pixel = 0; pixel < pixels; pixel += P) {
      const int count = static_cast<int>(least(pixels - pixel, P));
      const float* x[P];
      Vec acc[P][K];
      for (int p = 0; p < P; ++p) {
        x[p] = halo + place[pixel + (p < count ? p : 0)].from;
        for (int k = 0; k < K; ++k) acc[p][k] = Vec::zero();
      }
      const float* w = packed + K * kBlock * part.taps_before * from_blocks;
      for (int64_t block = 0; block < from_blocks; ++block) {
        for (int64_t row = 0; row < part.y.taps; ++row) {
          const int64_t offset = block * halo_plane + row * halo_cols * kBlock;
          for (int64_t col = 0; col < part.x.taps; ++col, w += K * kBlock) {
            for (int p = 0; p < P; ++p) {
              const Vec value = Vec::load(x[p] + offset + col * kBlock);
              for (int k = 0; k < K; ++k) acc[p][k] = fma(value, Vec::load(w + k * kBlock), acc[p][k]);
            }
          }
        }
      }
      for (int p = 0; p < count; ++p) {
        for (int k = 0; k < K; ++k) out[place[pixel + p].to + k] = bias[k] + lane_sum(acc[p][k]);
      }
    }
  }

  // Rounds `rows` of the output from `row`, summed at `sums`.
  void round(int64_t image, int64_t row, int64_t rows, int64_t first_lane, int64_t end_lane, const float* sums) const {
    const Planes<Bf16> planes(to);
    const int64_t elements = rows * to.w() * planes.step, begin = row * to.w() * planes.step;
    if (to_block != kBlock) {
      Bf16* out = planes.at(image, 0) + begin;
      return vectors(WholeLanes<Bf16>{}, 0, elements, [&](auto lanes, int64_t i) { lanes.store(load_line<Pair>(sums + i, lanes.size()), out + i); });
    }
    const bool past = streams(to);
    for (int64_t lane = first_lane; lane < end_lane; lane += Pair::kLanes) {
      const float* low = sums + lane / kBlock * out_plane;
      const float* high = low + out_plane;
      Bf16* out = planes.at(image, lane / kBlock) + begin;
      for (int64_t i = 0; i < elements; i += Pair::kLanes) {
        const Pair value{Vec::load(low + i / 2), lane + kBlock < end_lane ? Vec::load(high + i / 2) : Vec::zero()};
        if (past) {
          stream(value, out + i);
        } else {
          store(value, out + i);
        }
      }
    }
    if (past) finish_streams();
  }

  // sums: sum_floats().
  template <class T>
  void item(int64_t image, int64_t row, int64_t first_lane, int64_t end_lane, const Place* place, float* halo, float* sums) const {
    constexpr bool rounds = Planes<T>::side > 1;
    const int64_t rows = least(height(0) - row, item_rows), halo_plane = halo_rows(rows) * halo_cols * from_block;
    const Halo shape{row * axis.in_step * axis.sample + axis.low, axis.low, halo_rows(rows), halo_cols, axis.sample};
    const Planes<T> sources(from);
    float* out = rounds ? sums : to.f32() + image * stored_elements(1, to.c(), to.h(), to.w()) + row * axis.out_step * to.w() * to_block;
    for (int64_t block = 0; block < from_blocks; block += chunk) {
      const int64_t blocks = least(from_blocks - block, chunk);
      for (int64_t b = 0; b < blocks; ++b) {
        copy_halo(shape, sources.at(image, block + b), sources.step, from.h(), from.w(), from_block, halo + b * halo_plane);
      }
      for (int64_t py = 0; py < axis.out_step; ++py) {
        const int64_t rest = height(py) - row;
        for (int64_t px = 0; px < axis.out_step; ++px) {
          const Part part(axis, py, px);
          const int64_t pixels = least(rest, rows) * width(px);
          const Place* places = place + (py * axis.out_step + px) * item_rows * grid_width;
          if (is_dot(from.c(), to.c())) {
            with_count<4>(to_block, [&](auto k) { dots<k.value>(part, places, pixels, halo, halo_plane, out); });
          } else {
            panels(part, places, pixels, block, blocks, halo, halo_plane, first_lane, end_lane, out);
          }
        }
      }
    }
    if constexpr (rounds) {
      const int64_t first_row = row * axis.out_step;
      round(image, first_row, least(rows * axis.out_step, to.h() - first_row), first_lane, end_lane, sums);
    }
  }
};

}  // namespace

int64_t direct_packed_elements(int64_t out_channels, int64_t in_channels, int64_t kernel, ConvPass pass) {
  const int64_t from = pass == ConvPass::forward ? in_channels : out_channels;
  const int64_t to = pass == ConvPass::forward ? out_channels : in_channels;
  return padded(from) * (is_dot(from, to) ? to : lanes_of(to)) * kernel * kernel;
}

// Panels: [phase][chunk][group of `to` vectors][block of the chunk][tap][channel of the block][lane]; for dot products
// [phase][block][tap][to][channel of the block].
void direct_pack(Pool& pool, const Axis& axis, const EffectiveWeight& weight, int64_t out_channels, int64_t in_channels,
                 float* packed) {
  const bool forward = axis.pass == ConvPass::forward;
  const int64_t from = forward ? in_channels : out_channels, to = forward ? out_channels : in_channels;
  const int64_t block_size = block_of(from), blocks = blocks_of(from), chunk = chunk_blocks(from, to, axis.kernel);
  const bool dot = is_dot(from, to);
  const int64_t width = dot ? to : lanes_of(to);                     // of everything
  const int64_t group = dot ? to : least(width, kTileVecs * kBlock);  // of one panel
  const int64_t groups = ceil_div(width, group);

  auto value = [&](int64_t source, int64_t target, int64_t tap) {
    if (source >= from || target >= to) return 0.0f;
    return weight.at(forward ? target * in_channels + source : source * in_channels + target, tap);
  };
  pool.each(groups * blocks, [&](int64_t item, int) {
    const int64_t block = item / groups, first = item % groups * group;
    const int64_t start = block / chunk * chunk, in_chunk = least(blocks - start, chunk);
    const int64_t lanes = least(width - first, group);
    for (int64_t py = 0; py < axis.out_step; ++py) {
      for (int64_t px = 0; px < axis.out_step; ++px) {
        const Part part(axis, py, px);
        float* out = packed + width * block_size * (part.taps_before * blocks + part.taps * start) +
                     first * block_size * in_chunk * part.taps + (block - start) * part.taps * block_size * lanes;
        for (int64_t y = 0; y < part.y.taps; ++y) {
          for (int64_t x = 0; x < part.x.taps; ++x, out += block_size * lanes) {
            const int64_t tap = (part.y.kernel_first + y * part.y.kernel_step) * axis.kernel +
                                part.x.kernel_first + x * part.x.kernel_step;
            for (int64_t lane = 0; lane < lanes; ++lane) {
              for (int64_t c = 0; c < block_size; ++c) {
                out[dot ? lane * block_size + c : c * lanes + lane] = value(block * block_size + c, first + lane, tap);
              }
            }
          }
        }
      }
    }
  });
}

void direct_run(Pool& pool, Scratch& scratch, const Axis& axis, const Tensor& from, const float* packed, const float* bias,
                const Tensor& to) {
  Run run(axis, from, to, packed);
  const int64_t rows = run.height(0);
  const int64_t parts = axis.out_step * axis.out_step, pixels = run.item_rows * run.grid_width;
  const int64_t halo = lanes_of(run.chunk * run.halo_rows(run.item_rows) * run.halo_cols * run.from_block);
  const int64_t table = lanes_of(parts * pixels * static_cast<int64_t>(sizeof(Place) / sizeof(float)));
  const int64_t own = halo + lanes_of(run.sum_floats());
  float* memory = static_cast<float*>(scratch.get((own * pool.threads() + table + run.to_lanes) * sizeof(float)));
  float* start = memory + own * pool.threads();
  Place* place = reinterpret_cast<Place*>(start + run.to_lanes);
  for (int64_t k = 0; k < run.to_lanes; ++k) start[k] = bias != nullptr && k < to.c() ? bias[k] : 0.0f;
  run.bias = start;
  for (int64_t p = 0; p < parts; ++p) run.places(p / axis.out_step, p % axis.out_step, place + p * pixels);

  constexpr int64_t kGroup = most(kTileVecs * kBlock, Pair::kLanes);
  const int64_t bands = ceil_div(rows, run.item_rows), items = from.n() * bands, groups = ceil_div(run.to_lanes, kGroup);
  const int64_t splits = is_dot(from.c(), to.c()) ? 1 : least(groups, ceil_div(pool.threads(), items));
  pool.each(items * splits, [&](int64_t number, int thread) {
    const int64_t item = number / splits, split = number % splits;
    const int64_t first_lane = groups * split / splits * kGroup;
    const int64_t end_lane = least(groups * (split + 1) / splits * kGroup, run.to_lanes);
    float* own_memory = memory + thread * own;
    with_type(to, [&]<class T>(T*) {
      run.template item<T>(item / bands, item % bands * run.item_rows, first_lane, end_lane, place, own_memory, own_memory + halo);
    });
  });
}

}  // namespace ldc::cpu::LDC_ISA::conv2d
