// Forward convolution and data gradient on tiles, for every kernel, stride, padding and number of channels.
//
// An item is a band of grid rows of one image, or of a few small ones, and a range of blocks of output channels. The source rows are
// copied with their halo; then a step is one tap of one block of 32 source channels: two groups of 16 pixels meet two tiles of 16 output
// channels in four accumulators, which stay in the unit over all steps. Beside the steps the pixels of the groups before are rounded and
// written, and the next item's source is fetched into the L2 cache: both take as long as the products otherwise. Source maps and images
// with C <= 4 are not padded: a step is 32 neighbouring numbers of a kernel row's run of taps x C; what is behind the run meets zero weights.
#include "conv2d.h"

namespace ldc::cpu::LDC_ISA::tiles {

namespace {

constexpr int64_t kItemPixels = 1024, kLeastPixels = 512;  // fewer are not worth reading all weights for
constexpr int64_t kHaloBytes = int64_t{768} << 10;         // the halo of an item stays in the L2 cache
constexpr int64_t kItemsOfThread = 4;                      // at least, so that no thread waits long for another
constexpr int64_t kNarrow = 64;                            // rows of fewer pixels are put together from several images

// How one pass walks over its operands: what depends on channels and axis alone.
struct Steps {
  const Axis& axis;
  int64_t from, to;  // channels
  int64_t from_blocks, to_blocks, columns;  // columns: tiles of 16 outputs in a block

  Steps(const Axis& axis_, int64_t from_, int64_t to_) : axis(axis_), from(from_), to(to_) {
    from_blocks = is_wide(from) ? tile_blocks(from) : 1;
    to_blocks = tile_blocks(to);
    columns = is_wide(to) ? 2 : 1;
  }
  int64_t run_steps(const Part& part) const { return is_wide(from) ? part.x.taps : ceil_div(part.x.taps * from, kChannels); }
  int64_t count(const Part& part) const { return from_blocks * part.y.taps * run_steps(part); }
  int64_t all() const {
    int64_t sum = 0;
    each_phase([&](int64_t, int64_t, const Part& part) { sum += count(part); });
    return sum;
  }
  template <class Body>
  void each_phase(const Body& body) const {
    for (int64_t py = 0; py < axis.out_step; ++py) {
      for (int64_t px = 0; px < axis.out_step; ++px) body(py, px, Part(axis, py, px));
    }
  }
  int64_t step_elements() const { return columns * 16 * kChannels; }
};

// Sixteen pixels of the grid: where they begin in the halo, and in the output, -1 for one that is none.
struct Group {
  int32_t from;
  int32_t to[kTileRows];
};

struct Phase {
  int64_t steps, first_step, first_group, group_row;  // group_row: groups of a grid row
  int64_t height;
};

// What is done beside the steps of two groups.
struct Beside {
  // Sums of the two groups before that are not written yet.
  const Group* groups[2] = {};
  int64_t pixel = 0, pixels = 0, a_step = 1;
  const float *sums = nullptr, *bias = nullptr;
  char* out = nullptr;
  int64_t end = 0;  // bytes of `out`; what is behind belongs to images that are none
  // Source lines of the next item, a plane of rows for each block.
  const char *line = nullptr, *plane = nullptr;
  int64_t lines = 0, lines_of_plane = 0, planes = 0, plane_bytes = 0, lines_a_step = 1;

  void fetch() {
    for (int64_t i = 0; i < lines_a_step; ++i) {
      if (lines == 0) {
        if (planes == 0) return;
        --planes;
        line = plane, plane += plane_bytes, lines = lines_of_plane;
      }
      __builtin_prefetch(line, 0, 2);
      line += kRowBytes, --lines;
    }
  }
};

struct Run {
  const Axis& axis;
  const Tensor &from, &to;
  const Steps steps;
  const uint16_t* packed;
  const float* bias = nullptr;  // of all blocks, or null
  int64_t pixel;                // bytes of a pixel in the halo
  // Of an item: images, whose pixels lie side by side so that whole groups fill a row, and grid rows.
  int64_t images, rows;
  int64_t columns_of_phase;  // halo columns that are in_step apart lie together
  int64_t pitch_bytes, block_bytes, to_image_bytes;
  Group* groups = nullptr;
  Phase* phases = nullptr;
  int32_t* offsets = nullptr;  // of each step from a group's beginning

  Run(const Axis& axis_, const Tensor& from_, const Tensor& to_, const uint16_t* packed_)
      : axis(axis_), from(from_), to(to_), steps(axis_, from_.c(), to_.c()), packed(packed_) {
    const int64_t columns = (width(0) - 1) * axis.in_step + axis.reach;
    to_image_bytes = steps.to_blocks * to.h() * to.w() * to_pixel();
    images = 1;
    columns_of_phase = ceil_div(columns, axis.in_step);
    if (is_wide(from.c())) {
      pixel = kRowBytes;
      if (width(0) < kNarrow) {
        while (images < kTileRows && images * width(0) % kTileRows != 0) images *= 2;
        while (images < kTileRows && images * width(0) * height(0) < kLeastPixels) images *= 2;
        images = least(images, most(1, least(from.n(), (int64_t{1} << 30) / to_image_bytes)));
      }
      pitch_bytes = columns_of_phase * axis.in_step * images * pixel;
    } else {
      pixel = from.c() * 2;
      pitch_bytes = columns * pixel;
    }
    for (rows = least(most(1, kItemPixels / (width(0) * images)), height(0));; rows = ceil_div(rows, 2)) {
      block_bytes = (halo_rows(rows) * pitch_bytes + 63) / 64 * 64;
      if (halo_bytes() <= kHaloBytes || rows == 1) break;
    }
  }

  int64_t height(int64_t phase) const { return ceil_div(to.h() - phase, axis.out_step); }
  int64_t width(int64_t phase) const { return ceil_div(to.w() - phase, axis.out_step); }
  int64_t halo_rows(int64_t grid_rows) const { return (grid_rows - 1) * axis.in_step + axis.reach; }
  int64_t halo_bytes() const { return steps.from_blocks * block_bytes; }
  int64_t groups_of_row(int64_t px) const { return ceil_div(width(px) * images, kTileRows); }
  int64_t most_groups() const { return rows * groups_of_row(0); }
  int64_t bands() const { return ceil_div(height(0), rows); }
  int64_t to_pixel() const { return is_wide(to.c()) ? kRowBytes : to.c() * 2; }
  // Halo bytes from one pixel of a group to the next, and from the row's beginning to column x.
  int64_t group_stride() const { return is_wide(from.c()) ? pixel : axis.in_step * pixel; }
  int64_t column(int64_t x) const {
    return is_wide(from.c()) ? (x % axis.in_step * columns_of_phase + x / axis.in_step) * images * pixel : x * pixel;
  }
  // Behind the halo: what groups read behind the last pixel.
  int64_t slack() const { return kTileRows * group_stride() + 2 * kRowBytes; }

  void tabulate() {
    Phase* phase = phases;
    int32_t* offset = offsets;
    Group* group = groups;
    steps.each_phase([&](int64_t py, int64_t px, const Part& part) {
      *phase++ = {steps.count(part), offset - offsets, group - groups, groups_of_row(px), height(py)};
      for (int64_t block = 0; block < steps.from_blocks; ++block) {
        for (int64_t y = 0; y < part.y.taps; ++y) {
          for (int64_t x = 0; x < steps.run_steps(part); ++x) {
            const int64_t in_row = is_wide(from.c()) ? column(part.x.first + x) : column(part.x.first) + x * kRowBytes;
            *offset++ = static_cast<int32_t>(block * block_bytes + (part.y.first + y) * pitch_bytes + in_row);
          }
        }
      }
      for (int64_t g = 0; g < rows * groups_of_row(px); ++g, ++group) {
        const int64_t row = g / groups_of_row(px), first = g % groups_of_row(px) * kTileRows;
        group->from = static_cast<int32_t>(row * axis.in_step * pitch_bytes + first * group_stride());
        for (int64_t i = 0; i < kTileRows; ++i) {
          const int64_t x = (first + i) / images, image = (first + i) % images;
          const int64_t at = ((row * axis.out_step + py) * to.w() + x * axis.out_step + px) * to_pixel();
          group->to[i] = x < width(px) ? static_cast<int32_t>(image * to_image_bytes + at) : -1;
        }
      }
    });
  }

  // One source row of one block and image; what is outside of it is zero.
  void copy_row(int64_t image, int64_t block, int64_t y, char* halo_row, int64_t in_group) const {
    const bool inside = y >= 0 && y < from.h();
    const int64_t line = ((image * steps.from_blocks + block) * from.h() + y) * from.w();
    if (!is_wide(from.c())) {
      std::memset(halo_row, 0, static_cast<size_t>(pitch_bytes));
      auto* numbers = reinterpret_cast<uint16_t*>(halo_row);
      for (int64_t i = 0, count; inside && i * pixel < pitch_bytes; i += count) {
        const int64_t x = axis.low + i * axis.sample;
        count = x >= 0 && axis.sample == 1 ? least(from.w() - x, pitch_bytes / pixel - i) : 1;
        if (x >= from.w()) break;
        if (x >= 0) std::memcpy(numbers + i * from.c(), from.as<uint16_t>() + (line + x) * from.c(), static_cast<size_t>(count * pixel));
      }
      return;
    }
    alignas(64) static const uint16_t nothing[kChannels] = {};
    const uint16_t* source = from.as<uint16_t>() + line * kChannels;
    const int64_t step = axis.in_step * axis.sample;
    for (int64_t phase = 0; phase < axis.in_step; ++phase) {
      int64_t x = axis.low + phase * axis.sample;
      char* at = halo_row + column(phase) + in_group * pixel;
      for (int64_t i = 0; i < columns_of_phase; ++i, x += step, at += images * pixel) {
        copy_line(inside && x >= 0 && x < from.w() ? source + x * kChannels : nothing, reinterpret_cast<uint16_t*>(at));
      }
    }
  }

  void copy_halo(int64_t image, int64_t count, int64_t row, int64_t grid_rows, char* halo) const {
    const int64_t top = row * axis.in_step * axis.sample + axis.low;
    for (int64_t block = 0; block < steps.from_blocks; ++block) {
      for (int64_t r = 0; r < halo_rows(grid_rows); ++r) {
        for (int64_t i = 0; i < count; ++i) {
          copy_row(image + i, block, top + r * axis.sample, halo + block * block_bytes + r * pitch_bytes, i);
        }
      }
    }
    // What meets the zero weights behind a run must be a number.
    if (!is_wide(from.c())) std::memset(halo + halo_rows(grid_rows) * pitch_bytes, 0, static_cast<size_t>(slack()));
  }

  // Writes one of the pixels that wait.
  template <int B>
  void write(const Beside& beside, int64_t pixel_number) const {
    const int64_t at = beside.groups[pixel_number / kTileRows]->to[pixel_number % kTileRows];
    if (at < 0 || at >= beside.end) return;
    const float* sum = beside.sums + pixel_number * B * 16;
    Vec low = Vec::load(sum), high = B == 2 ? Vec::load(sum + 16) : Vec::zero();
    if (beside.bias != nullptr) low = low + Vec::load(beside.bias), high = high + Vec::load(beside.bias + 16);
    if constexpr (B == 2) return TileUnit::round(low, high, reinterpret_cast<uint16_t*>(beside.out + at));
    uint16_t numbers[kChannels];
    TileUnit::round(low, high, numbers);
    std::memcpy(beside.out + at, numbers, static_cast<size_t>(to_pixel()));
  }

  // Two groups of pixels x B tiles of outputs over all steps; the sums go to sums[2 * 16][B * 16].
  template <int B>
  [[gnu::noinline]] void tile(TileUnit& unit, const char* a0, const char* a1, const int32_t* offset, int64_t count,
                              const uint16_t* w, Beside& beside, float* sums) const {
    const int64_t stride = group_stride();
    unit.zero<0>(), unit.zero<2>();
    if constexpr (B == 2) unit.zero<1>(), unit.zero<3>();
    for (int64_t s = 0; s < count; ++s, w += B * 16 * kChannels) {
      unit.load<6>(w, kRowBytes);
      unit.load<4>(a0 + offset[s], stride);
      unit.multiply_add<0, 4, 6>();
      if constexpr (B == 2) {
        unit.load<7>(w + 16 * kChannels, kRowBytes);
        unit.multiply_add<1, 4, 7>();
      }
      unit.load<5>(a1 + offset[s], stride);
      unit.multiply_add<2, 5, 6>();
      if constexpr (B == 2) unit.multiply_add<3, 5, 7>();
      const int64_t end = least(beside.pixel + beside.a_step, beside.pixels);
      for (; beside.pixel < end; ++beside.pixel) write<B>(beside, beside.pixel);
      beside.fetch();
    }
    for (; beside.pixel < beside.pixels; ++beside.pixel) write<B>(beside, beside.pixel);
    unit.store<0>(sums, B * kRowBytes), unit.store<2>(sums + kTileRows * B * 16, B * kRowBytes);
    if constexpr (B == 2) unit.store<1>(sums + 16, B * kRowBytes), unit.store<3>(sums + kTileRows * B * 16 + 16, B * kRowBytes);
  }

  // One phase of one block of outputs. The last groups wait in `beside`; their sums are in one of two places by turns.
  template <int B>
  void phase(TileUnit& unit, const Phase& phase, int64_t grid_rows, const char* halo, int64_t block, char* out, Beside& beside,
             float* sums) const {
    const int64_t count = grid_rows * phase.group_row;
    const uint16_t* w = packed + (block * steps.all() + phase.first_step) * steps.step_elements();
    const Group* group = groups + phase.first_group;
    beside.a_step = phase.steps == 0 ? 0 : ceil_div(2 * kTileRows, phase.steps);
    for (int64_t g = 0; g < count; g += 2) {
      const Group *first = group + g, *second = group + least(g + 1, count - 1);
      float* own = beside.sums == sums ? sums + 2 * kTileRows * kChannels : sums;
      tile<B>(unit, halo + first->from, halo + second->from, offsets + phase.first_step, phase.steps, w, beside, own);
      beside.groups[0] = first, beside.groups[1] = second;
      beside.pixel = 0, beside.pixels = g + 1 < count ? 2 * kTileRows : kTileRows;
      beside.sums = own, beside.out = out, beside.bias = bias == nullptr ? nullptr : bias + block * kChannels;
    }
  }

  // Blocks [first, end) of outputs of an item.
  template <int B>
  void item(TileUnit& unit, int64_t number, int64_t next, int64_t first_block, int64_t end_block, char* halo, float* sums) const {
    const int64_t image = number / bands() * images, row = number % bands() * rows;
    const int64_t grid_rows = least(height(0) - row, rows), count = least(from.n() - image, images);
    copy_halo(image, count, row, grid_rows, halo);
    Beside beside;
    beside.end = count * to_image_bytes;
    fetch_next(next, first_block, end_block, beside);
    const int64_t plane = to.h() * to.w() * to_pixel();
    for (int64_t block = first_block; block < end_block; ++block) {
      char* out = static_cast<char*>(to.data) + image * to_image_bytes + block * plane + row * axis.out_step * to.w() * to_pixel();
      for (int64_t p = 0; p < axis.out_step * axis.out_step; ++p) {
        const int64_t phase_rows = least(phases[p].height - row, grid_rows);
        if (phase_rows > 0) phase<B>(unit, phases[p], phase_rows, halo, block, out, beside, sums);
      }
    }
    for (; beside.pixel < beside.pixels; ++beside.pixel) write<B>(beside, beside.pixel);
  }

  // The first image of the item that this thread is likely to work on next.
  void fetch_next(int64_t next, int64_t first_block, int64_t end_block, Beside& beside) const {
    const int64_t image = next / bands() * images, row = next % bands() * rows;
    if (image >= from.n()) return;
    const int64_t top = row * axis.in_step * axis.sample + axis.low, first = least(most(top, 0), from.h() - 1);
    const int64_t end = most(first, least(from.h(), top + halo_rows(rows) * axis.sample));
    const int64_t row_bytes = from.w() * (is_wide(from.c()) ? kRowBytes : from.c() * 2);
    beside.plane_bytes = from.h() * row_bytes;
    beside.plane = static_cast<const char*>(from.data) + image * steps.from_blocks * beside.plane_bytes + first * row_bytes;
    beside.planes = least(images, from.n() - image) * steps.from_blocks;
    beside.lines_of_plane = ceil_div((end - first) * row_bytes, kRowBytes);
    int64_t all = 0;  // steps of this item
    for (int64_t p = 0; p < axis.out_step * axis.out_step; ++p) all += rows * ceil_div(phases[p].group_row, 2) * phases[p].steps;
    beside.lines_a_step = ceil_div(beside.planes * beside.lines_of_plane, most(1, all * (end_block - first_block)));
  }
};

}  // namespace

int64_t packed_elements(const Axis& axis, int64_t out_channels, int64_t in_channels) {
  const bool forward = axis.pass == ConvPass::forward;
  const Steps steps(axis, forward ? in_channels : out_channels, forward ? out_channels : in_channels);
  return steps.to_blocks * steps.all() * steps.step_elements();
}

// [block of outputs][phase][block of inputs][step][tile of 16 outputs][pair of inputs][output][input of the pair].
void pack(Pool& pool, Scratch& scratch, const Axis& axis, const EffectiveWeight& weight, int64_t out_channels, int64_t in_channels,
          uint16_t* packed) {
  const bool forward = axis.pass == ConvPass::forward;
  const Steps steps(axis, forward ? in_channels : out_channels, forward ? out_channels : in_channels);
  const int64_t taps = weight.taps, row = (kChannels * taps + kChannels) * 4;  // of one output and a block of inputs, in float32
  const int64_t block = kChannels * kChannels * taps;                          // [output][input][tap] in bf16
  const int64_t own = row + (block + 2 * kChannels) * 2;
  char* memory = static_cast<char*>(scratch.get(static_cast<size_t>(pool.threads() * own)));
  pool.each(steps.to_blocks * steps.from_blocks, [&](int64_t item, int thread) {
    float* line = reinterpret_cast<float*>(memory + thread * own);
    uint16_t* rounded_block = reinterpret_cast<uint16_t*>(memory + thread * own + row);
    const int64_t to_block = item / steps.from_blocks, from_block = item % steps.from_blocks;
    const int64_t first_out = (forward ? to_block : from_block) * kChannels, first_in = (forward ? from_block : to_block) * kChannels;
    const int64_t outs = least(kChannels, out_channels - first_out), ins = least(kChannels, in_channels - first_in);
    std::memset(rounded_block, 0, static_cast<size_t>(block) * 2);
    for (int64_t o = 0; o < outs; ++o) {
      weight.row((first_out + o) * in_channels + first_in, ins, line);
      for (int64_t i = 0; i < ins * taps; i += kChannels) {
        uint16_t numbers[kChannels];
        TileUnit::round(Vec::load(line + i), Vec::load(line + i + 16), numbers);
        std::memcpy(rounded_block + o * kChannels * taps + i, numbers, static_cast<size_t>(least(kChannels, ins * taps - i)) * 2);
      }
    }
    const int64_t from_stride = forward ? taps : kChannels * taps, to_stride = forward ? kChannels * taps : taps;
    int64_t before = to_block * steps.all();
    steps.each_phase([&](int64_t, int64_t, const Part& part) {
      const int64_t in_block = part.y.taps * steps.run_steps(part);
      uint16_t* step = packed + (before + from_block * in_block) * steps.step_elements();
      before += steps.count(part);
      for (int64_t y = 0; y < part.y.taps; ++y) {
        for (int64_t x = 0; x < steps.run_steps(part); ++x, step += steps.step_elements()) {
          for (int64_t c = 0; c < kChannels; ++c) {
            // A source with few channels: number x * 32 + c of the run.
            const int64_t column = is_wide(steps.from) ? x : (x * kChannels + c) / steps.from;
            const int64_t from = is_wide(steps.from) ? c : (x * kChannels + c) % steps.from;
            const int64_t tap = (part.y.kernel_first + y * part.y.kernel_step) * axis.kernel + part.x.kernel_first +
                                column * part.x.kernel_step;
            const uint16_t* source = rounded_block + from * from_stride + tap;
            uint16_t* to = step + c / 2 * 32 + c % 2;
            for (int64_t o = 0; o < steps.columns * 16; ++o) {
              to[o / 16 * 512 + o % 16 * 2] = column < part.x.taps ? source[o * to_stride] : uint16_t{0};
            }
          }
        }
      }
    });
  });
}

void run(Pool& pool, Scratch& scratch, const Axis& axis, const Tensor& from, const uint16_t* packed, const float* bias,
         const Tensor& to) {
  Run run(axis, from, to, packed);
  const int64_t phases = axis.out_step * axis.out_step;
  const auto whole = [](int64_t bytes) { return (bytes + 63) / 64 * 64; };
  const int64_t sums = 4 * kTileRows * kChannels * 4, own = whole(run.halo_bytes() + run.slack()) + sums;
  const int64_t biases = run.steps.to_blocks * kChannels * 4, group_bytes = whole(phases * run.most_groups() * int64_t{sizeof(Group)});
  const int64_t phase_bytes = whole(phases * int64_t{sizeof(Phase)}), offset_bytes = whole(run.steps.all() * 4);
  char* memory = static_cast<char*>(
      scratch.get(static_cast<size_t>(pool.threads() * own + biases + group_bytes + phase_bytes + offset_bytes)));
  float* start = reinterpret_cast<float*>(memory + pool.threads() * own);
  run.groups = reinterpret_cast<Group*>(memory + pool.threads() * own + biases);
  run.phases = reinterpret_cast<Phase*>(memory + pool.threads() * own + biases + group_bytes);
  run.offsets = reinterpret_cast<int32_t*>(memory + pool.threads() * own + biases + group_bytes + phase_bytes);
  run.tabulate();
  if (bias != nullptr) {
    for (int64_t k = 0; k < run.steps.to_blocks * kChannels; ++k) start[k] = k < to.c() ? bias[k] : 0.0f;
    run.bias = start;
  }

  const int64_t items = ceil_div(from.n(), run.images) * run.bands();
  const int64_t splits = least(run.steps.to_blocks, ceil_div(kItemsOfThread * pool.threads(), items));
  pool.each(items * splits, [&](int64_t number, int thread) {
    configure_tiles();
    TileUnit unit;
    const int64_t item = number / splits, split = number % splits, next = (number + pool.threads()) / splits;
    const int64_t first = run.steps.to_blocks * split / splits, end = run.steps.to_blocks * (split + 1) / splits;
    char* halo = memory + thread * own;
    float* own_sums = reinterpret_cast<float*>(halo + own - sums);
    if (run.steps.columns == 2) {
      run.item<2>(unit, item, next, first, end, halo, own_sums);
    } else {
      run.item<1>(unit, item, next, first, end, halo, own_sums);
    }
  });
}

}  // namespace ldc::cpu::LDC_ISA::tiles
