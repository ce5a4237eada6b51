// Weight gradient on tiles: outer products of gradient and source channels, summed over pixels.
//
// The pixels of a chunk, grid rows of one image or several small images, are runs: gradients are turned to [channel][pixel], the first
// operand; source pixels are interleaved with their right neighbours, the second, a copy for each column of the kernel. Gradients
// are zero where a run is longer than its rows. A column is the source at one tap of the kernel: 16 outputs meet 32 channels of three columns
// in six accumulators, for all pixels of a chunk. A source with C <= 4 is a block whose channels are the numbers of a kernel row, taps x C.
//
// Chunks are cut into partitions as the shape alone says. The chunks of a partition are added in order, then the partitions. An item is
// one partition x a group of blocks of outputs x one of inputs.
#include "conv2d.h"

namespace ldc::cpu::LDC_ISA::tiles {

namespace {

constexpr int64_t kChunkPixels = 1024;
constexpr int64_t kGroupBlocks = 4;  // of outputs: their gradients stay in the L2 cache beside one block of the source
constexpr int64_t kPartitionPixels = 8192;
constexpr int64_t kPartitionFloats = int64_t{8} << 20;  // all partitions together
constexpr int64_t kStepPixels = 32;
constexpr int kColumns = 3;

struct Run {
  const Axis& axis;
  const Tensor &x, &dy;
  int64_t out_blocks, in_blocks, planes, taps;  // planes: copies of the source; taps: columns of a block
  int64_t pitch, rows, images;                  // of a chunk: pixels of a row of a run, rows of a run, runs
  int64_t slots, steps;                         // of a run
  int64_t plane_numbers, line_numbers;          // of a run's copy of the source; of a padded row of a source with few channels
  float* sums = nullptr;                        // [partition][16 outputs][in block][tap][16][32]

  Run(const Axis& axis_, const Tensor& x_, const Tensor& dy_) : axis(axis_), x(x_), dy(dy_) {
    const bool wide = is_wide(x.c());
    out_blocks = tile_blocks(dy.c());
    in_blocks = tile_blocks(wide ? x.c() : axis.kernel * x.c());
    planes = wide ? axis.kernel : 1;
    taps = axis.kernel * planes;
    pitch = ceil_div(dy.w(), 2) * 2;
    rows = least(most(1, kChunkPixels / pitch), dy.h());
    images = rows < dy.h() ? 1 : least(dy.n(), most(1, kChunkPixels / (rows * pitch)));
    slots = ceil_div(halo_rows(rows), axis.in_step);
    steps = ceil_div(rows * pitch, kStepPixels);
    plane_numbers = (slots * axis.in_step * pitch / 2 + kTileRows) * 2 * kChannels;
    line_numbers = ((pitch + 1) * axis.in_step + axis.reach) * x.c() + (in_blocks + 1) * kChannels;
  }

  int64_t halo_rows(int64_t grid_rows) const { return (grid_rows - 1) * axis.in_step + axis.reach; }
  int64_t slot(int64_t row) const { return row % axis.in_step * slots + row / axis.in_step; }
  int64_t out_tiles() const { return is_wide(dy.c()) ? 2 * out_blocks : 1; }
  int64_t tile_floats() const { return in_blocks * taps * 16 * kChannels; }  // of 16 outputs
  int64_t elements() const { return out_tiles() * tile_floats(); }           // of one partition
  int64_t bands() const { return ceil_div(dy.h(), rows); }
  int64_t chunks() const { return ceil_div(dy.n(), images) * bands(); }
  int64_t partitions() const {
    const int64_t wanted = ceil_div(dy.n() * dy.h() * dy.w(), kPartitionPixels);
    return most(1, least(least(wanted, chunks()), kPartitionFloats / elements()));
  }
  int64_t gradient_numbers() const { return images * steps * kStepPixels * 16; }  // of 16 outputs
  int64_t source_numbers() const { return images * planes * plane_numbers; }      // of one block
  int64_t own_numbers() const {                                                   // what a thread works in
    return 2 * kGroupBlocks * gradient_numbers() + source_numbers() + (line_numbers + 31) / 32 * 32;
  }

  // [16 channels][step][channel][pixel] of one block and `count` rows of an image.
  void turn_gradient(int64_t image, int64_t row, int64_t count, int64_t block, uint16_t* to) const {
    alignas(64) static const uint16_t nothing[kChannels] = {};
    const int64_t first = ((image * out_blocks + block) * dy.h() + row) * dy.w();
    int64_t r = 0, column = 0;
    for (int64_t s = 0; s < steps; ++s, to += kStepPixels * 16) {
      const uint16_t* lines[kStepPixels];
      for (int64_t p = 0; p < kStepPixels; ++p) {
        const bool inside = r < count && column < dy.w();
        const int64_t at = first + r * dy.w() + column;
        if (is_wide(dy.c())) {
          lines[p] = inside ? dy.as<uint16_t>() + at * kChannels : nothing;
        } else {
          uint16_t few[4] = {};
          if (inside) std::memcpy(few, dy.as<uint16_t>() + at * dy.c(), static_cast<size_t>(dy.c()) * 2);
          for (int64_t c = 0; c < dy.c(); ++c) to[c * kStepPixels + p] = few[c];
        }
        if (++column == pitch) column = 0, ++r;
      }
      if (is_wide(dy.c())) turn(lines, to, to + gradient_numbers());
    }
  }

  // [plane][slot][pair of pixels][channel][2] of one block and the rows that `count` grid rows read.
  void interleave_source(int64_t image, int64_t row, int64_t count, int64_t block, uint16_t* to, uint16_t* line) const {
    alignas(64) static const uint16_t nothing[kChannels] = {};
    const int64_t top = row * axis.in_step * axis.sample + axis.low, step = axis.in_step * axis.sample;
    for (int64_t r = 0; r < halo_rows(count); ++r) {
      const int64_t y = top + r * axis.sample;
      const bool inside = y >= 0 && y < x.h();
      uint16_t* out = to + slot(r) * pitch * kChannels;
      if (!is_wide(x.c())) {
        std::memset(line, 0, static_cast<size_t>(line_numbers) * 2);
        const int64_t before = most(0, -axis.low), end = least(x.w() - axis.low, line_numbers / x.c());
        if (inside && axis.sample == 1) {
          std::memcpy(line + before * x.c(), x.as<uint16_t>() + (image * x.h() + y) * x.w() * x.c(),
                      static_cast<size_t>((end - before) * x.c()) * 2);
        } else if (inside) {
          for (int64_t i = 0; i * axis.sample < x.w() && i < line_numbers / x.c(); ++i) {
            std::memcpy(line + i * x.c(), x.as<uint16_t>() + ((image * x.h() + y) * x.w() + i * axis.sample) * x.c(),
                        static_cast<size_t>(x.c()) * 2);
          }
        }
        for (int64_t p = 0; p < pitch; p += 2, out += 2 * kChannels) {
          const uint16_t* run = line + p * axis.in_step * x.c() + block * kChannels;
          interleave(run, run + axis.in_step * x.c(), out);
        }
        continue;
      }
      const uint16_t* source = x.as<uint16_t>() + ((image * in_blocks + block) * x.h() + y) * x.w() * kChannels;
      for (int64_t plane = 0; plane < planes; ++plane, out += plane_numbers) {
        if (!inside) {
          std::memset(out, 0, static_cast<size_t>(pitch * kChannels) * 2);
          continue;
        }
        const auto pixel = [&](int64_t column) { return column < 0 || column >= x.w() ? nothing : source + column * kChannels; };
        int64_t column = axis.low + plane * axis.sample;
        for (int64_t p = 0; p < pitch; p += 2, column += 2 * step) {
          interleave(pixel(column), pixel(column + step), out + p * kChannels);
        }
      }
    }
  }

  // sums[column][16][32] += a b over all steps of the chunk's runs; fresh: there is nothing to add to yet.
  template <int T>
  [[gnu::noinline]] void tile(TileUnit& unit, const uint16_t* a, const uint16_t* const* b, int64_t runs, bool fresh,
                              float* sum) const {
    constexpr int64_t kLine = kChannels * 4, kColumn = 16 * kChannels;
    if (fresh) {
      unit.zero<0>(), unit.zero<1>();
      if constexpr (T > 1) unit.zero<2>(), unit.zero<3>();
      if constexpr (T > 2) unit.zero<4>(), unit.zero<5>();
    } else {
      unit.load<0>(sum, kLine), unit.load<1>(sum + 16, kLine);
      if constexpr (T > 1) unit.load<2>(sum + kColumn, kLine), unit.load<3>(sum + kColumn + 16, kLine);
      if constexpr (T > 2) unit.load<4>(sum + 2 * kColumn, kLine), unit.load<5>(sum + 2 * kColumn + 16, kLine);
    }
    for (int64_t run = 0; run < runs; ++run) {
      int64_t at = run * planes * plane_numbers;
      for (int64_t s = 0; s < steps; ++s, a += 16 * kStepPixels, at += kTileRows * 2 * kChannels) {
        unit.load<6>(a, kRowBytes);
        unit.load<7>(b[0] + at, kLine);
        unit.multiply_add<0, 6, 7>();
        unit.load<7>(b[0] + at + kChannels, kLine);
        unit.multiply_add<1, 6, 7>();
        if constexpr (T > 1) {
          unit.load<7>(b[1] + at, kLine);
          unit.multiply_add<2, 6, 7>();
          unit.load<7>(b[1] + at + kChannels, kLine);
          unit.multiply_add<3, 6, 7>();
        }
        if constexpr (T > 2) {
          unit.load<7>(b[2] + at, kLine);
          unit.multiply_add<4, 6, 7>();
          unit.load<7>(b[2] + at + kChannels, kLine);
          unit.multiply_add<5, 6, 7>();
        }
      }
    }
    unit.store<0>(sum, kLine), unit.store<1>(sum + 16, kLine);
    if constexpr (T > 1) unit.store<2>(sum + kColumn, kLine), unit.store<3>(sum + kColumn + 16, kLine);
    if constexpr (T > 2) unit.store<4>(sum + 2 * kColumn, kLine), unit.store<5>(sum + 2 * kColumn + 16, kLine);
  }

  // All columns of one block of the source and 16 outputs.
  void columns(TileUnit& unit, const uint16_t* a, const uint16_t* source, int64_t runs, bool fresh, float* sum) const {
    for (int64_t tap = 0; tap < taps; tap += kColumns, sum += kColumns * 16 * kChannels) {
      const uint16_t* b[kColumns];
      const int64_t count = least(taps - tap, kColumns);
      for (int64_t t = 0; t < count; ++t) {
        b[t] = source + (tap + t) / axis.kernel * plane_numbers + slot((tap + t) % axis.kernel) * pitch * kChannels;
      }
      if (count == 3) {
        tile<3>(unit, a, b, runs, fresh, sum);
      } else if (count == 2) {
        tile<2>(unit, a, b, runs, fresh, sum);
      } else {
        tile<1>(unit, a, b, runs, fresh, sum);
      }
    }
  }

  // Blocks [first, end) of outputs and of inputs.
  void item(TileUnit& unit, int64_t partition, int64_t first_out, int64_t end_out, int64_t first_in, int64_t end_in,
            uint16_t* own) const {
    uint16_t* gradients = own;
    uint16_t* sources = gradients + 2 * kGroupBlocks * gradient_numbers();
    uint16_t* line = sources + source_numbers();
    // What is behind the rows of a run meets gradients of zero, and must be a number.
    std::memset(own, 0, static_cast<size_t>(own_numbers()) * 2);
    const int64_t start = chunks() * partition / partitions(), end = chunks() * (partition + 1) / partitions();
    for (int64_t chunk = start; chunk < end; ++chunk) {
      const int64_t image = chunk / bands() * images, row = chunk % bands() * rows, count = least(rows, dy.h() - row);
      const int64_t runs = least(images, dy.n() - image);
      for (int64_t k = first_out; k < end_out; ++k) {
        uint16_t* to = gradients + 2 * (k - first_out) * gradient_numbers();
        for (int64_t r = 0; r < runs; ++r) turn_gradient(image + r, row, count, k, to + r * steps * kStepPixels * 16);
      }
      for (int64_t i = first_in; i < end_in; ++i) {
        for (int64_t r = 0; r < runs; ++r) {
          interleave_source(image + r, row, count, i, sources + r * planes * plane_numbers, line);
        }
        for (int64_t k = 2 * first_out; k < least(2 * end_out, out_tiles()); ++k) {
          float* sum = sums + partition * elements() + k * tile_floats() + i * taps * 16 * kChannels;
          columns(unit, gradients + (k - 2 * first_out) * gradient_numbers(), sources, runs, chunk == start, sum);
        }
      }
    }
  }

  // The gradient of tap (ky, kx) of one output and all inputs of a block, the partitions added in order.
  void gather(int64_t output, int64_t block, int64_t tap, float* to) const {
    const float* from = sums + output / 16 * tile_floats() + ((block * taps + tap) * 16 + output % 16) * kChannels;
    for (int64_t i = 0; i < kChannels; i += 16) {
      Vec sum = Vec::load(from + i);
      for (int64_t p = 1; p < partitions(); ++p) sum = sum + Vec::load(from + p * elements() + i);
      sum.store(to + i);
    }
  }
};

}  // namespace

void weight_grad(Pool& pool, Scratch& scratch, const Axis& axis, const Tensor& x, const Tensor& dy, const EffectiveWeight& weight,
                 const Tensor& dw, const Tensor& dm, const Tensor& dtheta) {
  Run run(axis, x, dy);
  const int64_t partitions = run.partitions(), own = run.own_numbers() * 2, kernel = axis.kernel;
  const int64_t outputs = dw.shape[0], inputs = dw.shape[1], wide = is_wide(x.c());
  const int64_t row = wide ? kChannels : run.in_blocks * kChannels;  // of what is gathered: [tap of Run][row]
  const int64_t gathered = run.taps * row + (weight.taps + 15) / 16 * 16;
  const int64_t all = partitions * run.elements() * 4, gathers = pool.threads() * gathered * 4;
  char* memory = static_cast<char*>(
      scratch.get(static_cast<size_t>(all + pool.threads() * own + gathers + outputs * int64_t{sizeof(double)})));
  run.sums = reinterpret_cast<float*>(memory);
  double* theta_parts = reinterpret_cast<double*>(memory + all + pool.threads() * own + gathers);

  // Groups split outputs, so that they may follow the threads; each makes its operands itself.
  int64_t out_groups = ceil_div(run.out_blocks, kGroupBlocks), in_groups = 1;
  while (partitions * out_groups * in_groups < 2 * pool.threads() && in_groups < run.in_blocks) ++in_groups;
  while (partitions * out_groups * in_groups < 2 * pool.threads() && out_groups < run.out_blocks) ++out_groups;
  pool.each(partitions * out_groups * in_groups, [&](int64_t item, int thread) {
    configure_tiles();
    TileUnit unit;
    const int64_t i = item % in_groups, k = item / in_groups % out_groups;
    run.item(unit, item / in_groups / out_groups, run.out_blocks * k / out_groups, run.out_blocks * (k + 1) / out_groups,
             run.in_blocks * i / in_groups, run.in_blocks * (i + 1) / in_groups,
             reinterpret_cast<uint16_t*>(memory + all + thread * own));
  });

  pool.each(outputs, [&](int64_t output, int thread) {
    float* g = reinterpret_cast<float*>(memory + all + pool.threads() * own) + thread * gathered;
    float* one = g + run.taps * row;
    double theta_part = 0;
    for (int64_t block = 0; block < (wide ? run.in_blocks : 1); ++block) {
      for (int64_t t = 0; t < run.taps; ++t) {
        for (int64_t i = 0; i < row; i += kChannels) run.gather(output, wide ? block : i / kChannels, t, g + t * row + i);
      }
      for (int64_t i = 0; i < least(inputs - block * kChannels, wide ? kChannels : inputs); ++i) {
        for (int64_t ky = 0; ky < kernel; ++ky) {
          for (int64_t kx = 0; kx < kernel; ++kx) {
            one[ky * kernel + kx] = wide ? g[(kx * kernel + ky) * row + i] : g[ky * row + kx * inputs + i];
          }
        }
        theta_part += weight.gradient(output * inputs + block * kChannels + i, one, dw, dm);
      }
    }
    theta_parts[output] = theta_part;
  });
  if (dtheta) conv2d::write_theta(theta_parts, outputs, dtheta);
}

}  // namespace ldc::cpu::LDC_ISA::tiles
